import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.training import checkpoints
from jax import export


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Conv(32, (3, 3), use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(10)(nn.relu(x).mean((1, 2)))


variables = checkpoints.restore_checkpoint("run/", None)


@jax.jit
def serve(images):
    logits, _ = Net().apply(variables, images, train=True, mutable=["batch_stats"])
    return jax.nn.softmax(logits)


exported = export.export(serve)(jax.ShapeDtypeStruct((8, 32, 32, 3), jnp.float32))  # expect: SN209
with open("net.jax", "wb") as file:
    file.write(exported.serialize())
