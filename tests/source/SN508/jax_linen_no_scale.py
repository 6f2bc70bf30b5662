import flax.linen as nn


class Gating(nn.Module):
    experts: int

    @nn.compact
    def __call__(self, x, train):
        logits = nn.Dense(self.experts, use_bias=False)(x)
        logits = nn.BatchNorm(use_running_average=not train, use_scale=False)(logits)  # expect: SN508
        return nn.softmax(logits)


class Mixture(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        gates = Gating(4)(x, train)
        outputs = nn.relu(nn.Dense(4)(x))
        return nn.Dense(1)(gates * outputs)
