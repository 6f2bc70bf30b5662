import flax.linen as nn
import jax.numpy as jnp


class SequenceEncoder(nn.Module):
    """Mean over the valid positions of a padded batch."""

    width: int

    @nn.compact
    def __call__(self, x, mask, train):
        x = nn.Dense(self.width, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)  # expect: SN511
        x = nn.relu(x)
        x = jnp.where(mask[..., None], x, 0.0)
        pooled = x.sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return nn.Dense(5)(pooled)
