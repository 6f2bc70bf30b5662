import functools

import flax.linen as nn


class ResNet(nn.Module):
    classes: int

    @nn.compact
    def __call__(self, x, train=True):
        norm = functools.partial(nn.BatchNorm, use_running_average=not train, momentum=0.9, axis=3)
        x = nn.Conv(64, (7, 7), (2, 2), use_bias=False, name="conv_init")(x)
        x = norm(name="bn_init")(x)
        x = nn.relu(x)
        return nn.Dense(self.classes)(x.mean(axis=(1, 2)))
