import dataclasses

from flax import nnx


@dataclasses.dataclass
class Config:
    width: int = 64
    bn_momentum: float = 0.1


class Stage(nnx.Module):
    def __init__(self, config: Config, rngs: nnx.Rngs):
        self.conv = nnx.Conv(3, config.width, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(config.width, momentum=config.bn_momentum, rngs=rngs)  # expect: SN510 likely
        self.out = nnx.Conv(config.width, 3, (1, 1), rngs=rngs)

    def __call__(self, x):
        return self.out(nnx.relu(self.norm(self.conv(x))))


stage = Stage(Config(), nnx.Rngs(0))
