"""The layers against the fused kernel alone: forward, backward and updates on the CPU, as ratios in one run.

    python benchmarks/tensorflow_layers.py [--threads 2] [--repeats 25]

The baseline is tf.raw_ops.FusedBatchNormV3 with its gradient. Each repeat runs every option once, in an order of its
own, so that whatever else the machine does falls on all alike; the ratios are those of the medians. Grappler's meta
optimizer is off: it would prune what nobody fetches. With tf_keras installed, the original tf.layers is measured, too.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if importlib.util.find_spec("tf_keras"):
    os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf

from steadynorm.tensorflow import batch_norm, batch_normalization

v1 = tf.compat.v1
SHAPES = ((32, 56, 56, 64), (64, 14, 14, 256))
CLIPPING = {"rmin": 0.5, "rmax": 2.0, "dmax": 1.0}
LIMITS = {"plain": 1.05}
LIMIT = 1.5


def kernel(x: Any, _: Any) -> Any:
    channels = x.shape[-1]
    gamma, beta = v1.get_variable("gamma", [channels]), v1.get_variable("beta", [channels])
    return tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=[], variance=[], epsilon=1e-3, is_training=True
    ).y


def adjustment(shape: Any) -> tuple[Any, Any]:
    return tf.random.uniform(shape[-1:], 0.93, 1.07), tf.random.uniform(shape[-1:], -0.1, 0.1)


LAYERS: dict[str, Callable[[Any, Any], Any]] = {
    "kernel": kernel,
    "plain": lambda x, _: batch_normalization(x, training=True),
    "renorm": lambda x, _: batch_normalization(x, training=True, renorm=True, renorm_clipping=CLIPPING),
    "batch_weights": lambda x, weights: batch_norm(x, scale=True, batch_weights=weights),
    "zero-debias": lambda x, _: batch_norm(x, scale=True, zero_debias_moving_mean=True),
    "adjustment": lambda x, _: batch_normalization(x, training=True, adjustment=adjustment),
    "virtual_batch_size=8": lambda x, _: batch_normalization(x, training=True, virtual_batch_size=8),
}
ORIGINALS: dict[str, dict[str, Any]] = {
    "tf.layers plain": {},
    "tf.layers renorm": {"renorm": True, "renorm_clipping": CLIPPING},
    "tf.layers adjustment": {"adjustment": adjustment},
    "tf.layers virtual_batch_size=8": {"virtual_batch_size": 8},
}


def step(name: str, layer: Callable[[Any, Any], Any], x: Any, dy: Any, weights: Any) -> Any:
    """One operation that runs forward, backward and updates."""
    before = set(map(id, v1.get_collection(v1.GraphKeys.UPDATE_OPS)))
    with v1.variable_scope(name.replace(" ", "_").replace("=", "_")) as scope:
        y = layer(x, weights)
        gradients = tf.gradients(y, [x, *v1.trainable_variables(scope.name + "/")], dy)
    updates = [each for each in v1.get_collection(v1.GraphKeys.UPDATE_OPS) if id(each) not in before]
    return tf.group(y, *gradients, *updates)


def measure(shape: tuple[int, ...], threads: int, repeats: int) -> dict[str, float]:
    """Median seconds of each layer."""
    layers = dict(LAYERS)
    if importlib.util.find_spec("tf_keras"):
        for name, arguments in ORIGINALS.items():
            layers[name] = lambda x, _, a=arguments: v1.layers.batch_normalization(x, training=True, **a)
    config = v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    rng = np.random.default_rng(0)
    with tf.Graph().as_default() as graph:
        x, dy = (
            v1.get_variable(n, initializer=rng.normal(size=shape).astype("f"), trainable=False) for n in ("x", "dy")
        )
        weights = tf.constant(rng.uniform(0.5, 2.0, shape[0]), tf.float32)
        x, dy = tf.identity(x), tf.identity(dy)
        steps = {name: step(name, layer, x, dy, weights) for name, layer in layers.items()}
        initialize = v1.global_variables_initializer()
    times: dict[str, list[float]] = {name: [] for name in steps}
    with v1.Session(graph=graph, config=config) as session:
        session.run(initialize)
        for repeat in range(repeats + 3):
            for name in rng.permutation(list(steps)):
                start = time.perf_counter()
                session.run(steps[name])
                if repeat >= 3:
                    times[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in times.items()}


def verdict(name: str, ratio: float) -> str:
    """The goal, and whether it is met."""
    goal = LIMITS.get(name, LIMIT)
    return f"  goal {goal:.2f}: {'met' if ratio <= goal else 'MISSED'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=25)
    arguments = parser.parse_args()
    for shape in SHAPES:
        medians = measure(shape, arguments.threads, arguments.repeats)
        base = medians["kernel"]
        print(f"{shape}, {arguments.threads} threads, median of {arguments.repeats}: kernel {base * 1e3:.2f} ms")
        for name, seconds in medians.items():
            told = verdict(name, seconds / base) if name in LAYERS and name != "kernel" else ""
            print(f"  {name:32} {seconds * 1e3:8.2f} ms  {seconds / base:5.2f}×{told}")


if __name__ == "__main__":
    main()
