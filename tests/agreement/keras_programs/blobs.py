"""Two kinds of points, on features whose scales and offsets are far from 1 and 0."""

import numpy as np

FEATURES = 6


def load(size=256, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, size)
    points = random.normal(size=(size, FEATURES)) + np.outer(2.0 * labels - 1.0, [1.0, -1.0, 1.0, 0.0, 0.0, 0.0])
    points = 3.0 + points * np.array([2.0, 0.5, 4.0, 1.0, 3.0, 0.2])
    return points.astype("float32"), labels.astype("int64")
