from flax import nnx


class Classifier(nnx.Module):
    def __init__(self, rngs):
        self.a = nnx.Linear(512, 256, rngs=rngs)
        self.drop = nnx.Dropout(0.4, rngs=rngs)
        self.norm = nnx.BatchNorm(256, rngs=rngs)  # expect: SN507
        self.b = nnx.Linear(256, 20, rngs=rngs)

    def __call__(self, x):
        h = nnx.relu(self.a(x))
        return self.b(self.norm(self.drop(h)))


classifier = Classifier(nnx.Rngs(0))
