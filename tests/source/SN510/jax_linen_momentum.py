"""A port from PyTorch."""

import flax.linen as nn


class BasicBlock(nn.Module):
    filters: int

    @nn.compact
    def __call__(self, x, train):
        h = nn.Conv(self.filters, (3, 3), use_bias=False)(x)
        h = nn.BatchNorm(use_running_average=not train, momentum=0.1, epsilon=1e-5)(h)  # expect: SN510 likely
        h = nn.relu(h)
        return x + nn.Conv(self.filters, (3, 3))(h)
