"""The variables of a batch-normalization layer and how one batch moves its averages."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from steadynorm.norm.config import NormConfig
from steadynorm.norm.layout import FloatArray


@dataclass(frozen=True, eq=False)
class State:
    """Variables of one layer in float64; each has the sizes of the channel axes as shape, (C,) for one axis.

    What the configuration does not use is None.

    Attributes:
        gamma: scale.
        beta: offset.
        moving_mean: average for inference.
        moving_variance: average for inference; with renorm, derived from `moving_stddev`.
        moving_stddev: with renorm, the average of √(variance + epsilon) for inference.
        renorm_mean: with renorm, the average of the mean that d is measured against in training.
        renorm_stddev: with renorm, the average of √(variance + epsilon) that r is measured against.
        biased_mean: with debias, the average that starts from zero (TensorFlow's moving_mean/biased).
        biased_variance: with debias "full", the same for the variance.
        biased_stddev: with debias "full" and renorm, the same for the standard deviation.
        steps: number of updates (PyTorch's num_batches_tracked, TensorFlow's moving_mean/local_step).
    """

    gamma: FloatArray | None = None
    beta: FloatArray | None = None
    moving_mean: FloatArray | None = None
    moving_variance: FloatArray | None = None
    moving_stddev: FloatArray | None = None
    renorm_mean: FloatArray | None = None
    renorm_stddev: FloatArray | None = None
    biased_mean: FloatArray | None = None
    biased_variance: FloatArray | None = None
    biased_stddev: FloatArray | None = None
    steps: int = 0

    @classmethod
    def initial(
        cls,
        config: NormConfig,
        channels: int | tuple[int, ...],
        *,
        gamma: ArrayLike = 1.0,
        beta: ArrayLike = 0.0,
        moving_mean: ArrayLike = 0.0,
        moving_variance: ArrayLike = 1.0,
    ) -> State:
        """Return the variables of a new layer, those of renorm initialized from the moving ones as TensorFlow does.

        Args:
            config: the layer.
            channels: number of channels, or the sizes of several channel axes in the order of the input's axes.
            gamma: initial scale, one for all or one per channel; so are the others.
            beta: initial offset.
            moving_mean: initial mean.
            moving_variance: initial variance.
        """
        shape = (channels,) if isinstance(channels, int) else channels

        def full(value: ArrayLike, wanted: bool = True) -> FloatArray | None:
            return np.broadcast_to(np.asarray(value, np.float64), shape).copy() if wanted else None

        tracked, renorm = config.track_statistics, config.renorm is not None
        debias_all = config.debias == "full"
        stddev = np.sqrt(np.asarray(moving_variance, np.float64))
        return cls(
            gamma=full(gamma, config.scale),
            beta=full(beta, config.center),
            moving_mean=full(moving_mean, tracked),
            moving_variance=full(moving_variance, tracked),
            moving_stddev=full(stddev, renorm),
            renorm_mean=full(moving_mean, renorm),
            renorm_stddev=full(stddev, renorm),
            biased_mean=full(0.0, config.debias != "none"),
            biased_variance=full(0.0, debias_all and not renorm),
            biased_stddev=full(0.0, debias_all and renorm),
        )

    def updated(self, config: NormConfig, mean: FloatArray, variance: FloatArray, stored_variance: FloatArray) -> State:
        """Return the variables after the updates that one batch causes.

        Args:
            config: the layer.
            mean: mean of the batch.
            variance: the biased variance of the batch.
            stored_variance: the variance that goes into the averages for inference, corrected or not.
        """
        if config.frozen or not (config.update_statistics and config.track_statistics):
            return self
        new = self._with_mean(config, mean)
        if config.renorm is None:
            average, biased = self._average(
                config, self.moving_variance, self.biased_variance, stored_variance, config.debias == "full"
            )
            return replace(new, moving_variance=average, biased_variance=biased, steps=self.steps + 1)
        # Ioffe (2017) averages the standard deviation; TensorFlow derives the variance for inference from it.
        stored_stddev = np.sqrt(stored_variance + config.epsilon)
        average, biased = self._average(
            config, self.moving_stddev, self.biased_stddev, stored_stddev, config.debias == "full"
        )
        decay = config.renorm.decay
        stddev = np.sqrt(variance + config.epsilon)
        return replace(
            new,
            moving_stddev=average,
            biased_stddev=biased,
            moving_variance=np.maximum(np.square(average) - config.epsilon, 0.0),
            renorm_mean=_exponential(_present(self.renorm_mean, "renorm_mean"), mean, decay),
            renorm_stddev=_exponential(_present(self.renorm_stddev, "renorm_stddev"), stddev, decay),
            steps=self.steps + 1,
        )

    def _with_mean(self, config: NormConfig, mean: FloatArray) -> State:
        debias = config.debias != "none"
        average, biased = self._average(config, self.moving_mean, self.biased_mean, mean, debias)
        return replace(self, moving_mean=average, biased_mean=biased)

    def _average(
        self,
        config: NormConfig,
        old: FloatArray | None,
        biased: FloatArray | None,
        value: FloatArray,
        debias: bool,
    ) -> tuple[FloatArray, FloatArray | None]:
        """Return the average that includes `value`, and the biased one if it is debiased."""
        if config.decay is None:
            before = _present(old, "a moving average")
            return before + (value - before) / (self.steps + 1), biased
        if not debias:
            return _exponential(_present(old, "a moving average"), value, config.decay), biased
        biased = _exponential(_present(biased, "a biased average"), value, config.decay)
        return biased / (1 - config.decay ** (self.steps + 1)), biased


def _exponential(old: FloatArray, value: FloatArray, decay: float) -> FloatArray:
    return decay * old + (1 - decay) * value


def _present(array: FloatArray | None, name: str) -> FloatArray:
    if array is None:
        raise ValueError(
            f"{name} is None in the state, but the configuration uses it; expected the state of a layer of this "
            "configuration: make it with State.initial"
        )
    return array
