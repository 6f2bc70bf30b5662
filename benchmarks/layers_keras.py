"""The layer of steadynorm.keras against Keras' own: forward and backward on the CPU, compiled, as ratios in one run.

    KERAS_BACKEND=jax python benchmarks/layers_keras.py [--repeats 25] [--clock wall]

TensorFlow and JAX run under XLA, PyTorch as it is. Each repeat runs everything once, in an order of its own, so that
whatever else the machine does falls on all alike; the ratios are those of the medians. `--clock processor` adds up the
time of all threads instead, which other work disturbs less.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from steadynorm.keras import BatchNormalization

SHAPES = ((32, 56, 56, 64), (64, 14, 14, 256), (4096, 256))
CLIPPING = {"rmin": 0.5, "rmax": 2.0, "dmax": 1.0}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "renorm": {"renorm": True, "renorm_clipping": CLIPPING},
    "virtual batches of 8": {"virtual_batch_size": 8},
    "debias, skip_nonfinite": {"debias": True, "skip_nonfinite": True},
    "sample weights": {},
    "mask": {},
}
GOALS = {"plain": 1.05, "renorm": 1.5}
OWN = "keras.layers"

Step = Callable[[], Any]


def weights_for(option: str, shape: tuple[int, ...]) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    if option == "sample weights":
        return {"sample_weight": keras.ops.convert_to_tensor(rng.uniform(0.5, 1.5, shape[0]).astype("float32"))}
    if option == "mask":
        return {"mask": keras.ops.convert_to_tensor(rng.random(shape[:-1]) > 0.3)}
    return {}


def by_tensorflow(layer: Any, x: Any, dy: Any, given: dict[str, Any]) -> Step:
    tf = importlib.import_module("tensorflow")

    @tf.function(jit_compile=True)
    def step(x: Any, dy: Any, given: dict[str, Any]) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True, **given)
        return tape.gradient(y, [x, *(each.value for each in layer.trainable_variables)], dy)

    return lambda: step(x, dy, given)[0][0, 0].numpy()


def by_jax(layer: Any, x: Any, dy: Any, given: dict[str, Any]) -> Step:
    jax = importlib.import_module("jax")

    @jax.jit
    def step(x: Any, dy: Any, given: dict[str, Any], trainable: Any, others: Any) -> Any:
        def forward(x: Any, trainable: Any) -> Any:
            return layer.stateless_call(trainable, others, x, training=True, **given)

        _, back, others = jax.vjp(forward, x, trainable, has_aux=True)
        return back(dy), others

    trainable, others = (
        [each.value for each in group] for group in (layer.trainable_variables, layer.non_trainable_variables)
    )
    return lambda: jax.block_until_ready(step(x, dy, given, trainable, others))


def by_torch(layer: Any, x: Any, dy: Any, given: dict[str, Any]) -> Step:
    torch = importlib.import_module("torch")
    wanted = [x.requires_grad_(), *(each.value for each in layer.trainable_variables)]
    return lambda: torch.autograd.grad(layer(x, training=True, **given), wanted, dy)


STEPS = {"tensorflow": by_tensorflow, "jax": by_jax, "torch": by_torch}


def steps(shape: tuple[int, ...]) -> dict[str, Step]:
    rng = np.random.default_rng(0)
    x, dy = (keras.ops.convert_to_tensor(rng.normal(size=shape).astype("float32")) for _ in range(2))
    make = STEPS[keras.backend.backend()]
    layers = {OWN: keras.layers.BatchNormalization()}
    layers |= {option: BatchNormalization(**arguments) for option, arguments in OPTIONS.items()}
    for layer in layers.values():
        layer.build(shape)
    return {name: make(layer, x, dy, weights_for(name, shape)) for name, layer in layers.items()}


def measure(taken: dict[str, Step], repeats: int, clock: Callable[[], float]) -> dict[str, float]:
    """Median seconds of each."""
    times: dict[str, list[float]] = {name: [] for name in taken}
    for repeat in range(repeats + 2):
        for name in random.sample(list(taken), len(taken)):
            start = clock()
            taken[name]()
            if repeat >= 2:
                times[name].append(clock() - start)
    return {name: statistics.median(each) for name, each in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall")
    arguments = parser.parse_args()
    clock = time.perf_counter if arguments.clock == "wall" else time.process_time
    for shape in SHAPES:
        times = measure(steps(shape), arguments.repeats, clock)
        base = times[OWN]
        print(f"{shape} on {keras.backend.backend()}, median of {arguments.repeats}: {OWN} {base * 1e3:.2f} ms")
        for name, seconds in times.items():
            ratio, goal = seconds / base, GOALS.get(name)
            told = "" if goal is None else f"  goal {goal:.2f}: {'met' if ratio <= goal else 'MISSED'}"
            print(f"  {name:26} {seconds * 1e3:8.2f} ms  {ratio:5.2f}×{told}", flush=True)


if __name__ == "__main__":
    main()
