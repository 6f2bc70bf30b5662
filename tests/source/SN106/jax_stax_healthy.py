import jax
from jax.example_libraries import optimizers, stax
from jax.example_libraries.stax import Conv, Dense, Flatten, LogSoftmax, Relu

init_random_params, predict = stax.serial(
    Conv(32, (3, 3), padding="SAME"),
    Relu,
    Flatten,
    Dense(10),
    LogSoftmax,
)
opt_init, opt_update, get_params = optimizers.momentum(1e-3, mass=0.9)
_, params = init_random_params(jax.random.PRNGKey(0), (-1, 28, 28, 1))
print(predict(params, jax.numpy.zeros((1, 28, 28, 1))))
