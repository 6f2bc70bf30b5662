"""InceptionV3 in graph mode with slim's variable names, on this package's batch_norm.

Source: Szegedy et al., Rethinking the Inception Architecture for Computer Vision (2015).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from steadynorm.tensorflow import batch_norm

v1 = tf.compat.v1


@dataclass(frozen=True)
class Inception:
    """Builds the network's parts.

    Arguments:
        training: whether the layers normalize by the batch: a bool, tensor or placeholder.
        decay: of the moving statistics.
        depth_multiplier: factor on all numbers of channels.
        min_depth: fewest channels of a layer.
    """

    training: Any
    decay: float = 0.9997
    depth_multiplier: float = 1.0
    min_depth: int = 16

    def conv(self, x: Any, name: str, depth: int, size: tuple[int, int], stride: int = 1, padding: str = "SAME") -> Any:
        """Convolution without bias, normalization without gamma, relu."""
        depth = max(int(depth * self.depth_multiplier), self.min_depth)
        with v1.variable_scope(name):
            x = tf.nn.conv2d(x, weights(x, depth, size), stride, padding)
            return batch_norm(
                x,
                decay=self.decay,
                epsilon=0.001,
                is_training=self.training,
                activation_fn=tf.nn.relu,
                scope="BatchNorm",
            )

    def chain(self, x: Any, *layers: tuple[str, int, tuple[int, int]]) -> Any:
        """Convolutions one after the other: (name, depth, size) each."""
        for name, depth, size in layers:
            x = self.conv(x, name, depth, size)
        return x

    def stem(self, x: Any) -> Any:
        """From the image to 1/8 of its size."""
        x = self.conv(x, "Conv2d_1a_3x3", 32, (3, 3), 2, "VALID")
        x = self.conv(x, "Conv2d_2a_3x3", 32, (3, 3), 1, "VALID")
        x = self.conv(x, "Conv2d_2b_3x3", 64, (3, 3))
        x = tf.nn.max_pool2d(x, 3, 2, "VALID")
        x = self.conv(x, "Conv2d_3b_1x1", 80, (1, 1), 1, "VALID")
        x = self.conv(x, "Conv2d_4a_3x3", 192, (3, 3), 1, "VALID")
        return tf.nn.max_pool2d(x, 3, 2, "VALID")

    def mixed_5(self, x: Any, pooled: int, names: tuple[str, str] = ("Conv2d_0a_1x1", "Conv2d_0b_5x5")) -> Any:
        """1×1, 5×5, twice 3×3, and pooling."""
        return branches(
            lambda: self.conv(x, "Conv2d_0a_1x1", 64, (1, 1)),
            lambda: self.chain(x, (names[0], 48, (1, 1)), (names[1], 64, (5, 5))),
            lambda: self.chain(
                x, ("Conv2d_0a_1x1", 64, (1, 1)), ("Conv2d_0b_3x3", 96, (3, 3)), ("Conv2d_0c_3x3", 96, (3, 3))
            ),
            lambda: self.conv(average(x), "Conv2d_0b_1x1", pooled, (1, 1)),
        )

    def mixed_6a(self, x: Any) -> Any:
        """To half the size."""

        def double() -> Any:
            inner = self.chain(x, ("Conv2d_0a_1x1", 64, (1, 1)), ("Conv2d_0b_3x3", 96, (3, 3)))
            return self.conv(inner, "Conv2d_1a_1x1", 96, (3, 3), 2, "VALID")

        return branches(
            lambda: self.conv(x, "Conv2d_1a_1x1", 384, (3, 3), 2, "VALID"),
            double,
            lambda: tf.nn.max_pool2d(x, 3, 2, "VALID"),
        )

    def mixed_6(self, x: Any, inner: int) -> Any:
        """1×1, 7×7 as 1×7 and 7×1, that twice, and pooling."""
        first = ("Conv2d_0a_1x1", inner, (1, 1))
        return branches(
            lambda: self.conv(x, "Conv2d_0a_1x1", 192, (1, 1)),
            lambda: self.chain(x, first, ("Conv2d_0b_1x7", inner, (1, 7)), ("Conv2d_0c_7x1", 192, (7, 1))),
            lambda: self.chain(
                x,
                first,
                ("Conv2d_0b_7x1", inner, (7, 1)),
                ("Conv2d_0c_1x7", inner, (1, 7)),
                ("Conv2d_0d_7x1", inner, (7, 1)),
                ("Conv2d_0e_1x7", 192, (1, 7)),
            ),
            lambda: self.conv(average(x), "Conv2d_0b_1x1", 192, (1, 1)),
        )

    def mixed_7a(self, x: Any) -> Any:
        """To half the size again."""

        def plain() -> Any:
            inner = self.conv(x, "Conv2d_0a_1x1", 192, (1, 1))
            return self.conv(inner, "Conv2d_1a_3x3", 320, (3, 3), 2, "VALID")

        def factorized() -> Any:
            inner = self.chain(
                x, ("Conv2d_0a_1x1", 192, (1, 1)), ("Conv2d_0b_1x7", 192, (1, 7)), ("Conv2d_0c_7x1", 192, (7, 1))
            )
            return self.conv(inner, "Conv2d_1a_3x3", 192, (3, 3), 2, "VALID")

        return branches(plain, factorized, lambda: tf.nn.max_pool2d(x, 3, 2, "VALID"))

    def mixed_7(self, x: Any, vertical: str) -> Any:
        """1×1, 1×3 beside 3×1, that after 3×3, and pooling; `vertical` is the name of the first 3×1."""

        def split(inner: Any, horizontal: str, vertical: str) -> Any:
            sides = (self.conv(inner, horizontal, 384, (1, 3)), self.conv(inner, vertical, 384, (3, 1)))
            return tf.concat(sides, 3)

        def double() -> Any:
            inner = self.chain(x, ("Conv2d_0a_1x1", 448, (1, 1)), ("Conv2d_0b_3x3", 384, (3, 3)))
            return split(inner, "Conv2d_0c_1x3", "Conv2d_0d_3x1")

        return branches(
            lambda: self.conv(x, "Conv2d_0a_1x1", 320, (1, 1)),
            lambda: split(self.conv(x, "Conv2d_0a_1x1", 384, (1, 1)), "Conv2d_0b_1x3", vertical),
            double,
            lambda: self.conv(average(x), "Conv2d_0b_1x1", 192, (1, 1)),
        )

    def logits(self, x: Any, classes: int) -> Any:
        """Average over all positions and one linear layer."""
        with v1.variable_scope("Logits/Conv2d_1c_1x1"):
            x = tf.reduce_mean(x, [1, 2], keepdims=True)
            x = tf.nn.conv2d(x, weights(x, classes, (1, 1)), 1, "SAME")
            biases = v1.get_variable("biases", [classes], initializer=v1.zeros_initializer())
            return tf.squeeze(x + biases, [1, 2])

    def __call__(self, images: Any, classes: int = 10) -> Any:
        """Logits (N, classes) of images (N, height, width, 3) in [−1, 1], under the scope InceptionV3."""
        blocks: dict[str, Callable[[Any], Any]] = {
            "Mixed_5b": lambda x: self.mixed_5(x, 32),
            # The names of this one are slim's slip, which every checkpoint has kept.
            "Mixed_5c": lambda x: self.mixed_5(x, 64, ("Conv2d_0b_1x1", "Conv_1_0c_5x5")),
            "Mixed_5d": lambda x: self.mixed_5(x, 64),
            "Mixed_6a": self.mixed_6a,
            "Mixed_6b": lambda x: self.mixed_6(x, 128),
            "Mixed_6c": lambda x: self.mixed_6(x, 160),
            "Mixed_6d": lambda x: self.mixed_6(x, 160),
            "Mixed_6e": lambda x: self.mixed_6(x, 192),
            "Mixed_7a": self.mixed_7a,
            "Mixed_7b": lambda x: self.mixed_7(x, "Conv2d_0b_3x1"),
            "Mixed_7c": lambda x: self.mixed_7(x, "Conv2d_0c_3x1"),
        }
        with v1.variable_scope("InceptionV3"):
            x = self.stem(images)
            for name, block in blocks.items():
                with v1.variable_scope(name):
                    x = block(x)
            return self.logits(x, classes)


def weights(x: Any, depth: int, size: tuple[int, int]) -> Any:
    """The kernel of a convolution of x."""
    shape = [*size, x.shape[-1], depth]
    return v1.get_variable("weights", shape, initializer=v1.truncated_normal_initializer(stddev=0.1))


def average(x: Any) -> Any:
    """3×3 average pooling that keeps the size; positions outside are not counted."""
    return tf.nn.avg_pool2d(x, 3, 1, "SAME")


def branches(*makers: Callable[[], Any]) -> Any:
    """Branches side by side, in the scopes Branch_0, Branch_1, …"""
    outputs = []
    for index, make in enumerate(makers):
        with v1.variable_scope(f"Branch_{index}"):
            outputs.append(make())
    return tf.concat(outputs, 3)
