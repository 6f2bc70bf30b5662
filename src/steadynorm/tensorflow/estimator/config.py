"""How an Estimator runs: where it writes, how often it saves and logs, with which seed."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, ClassVar

import tensorflow as tf

_log = logging.getLogger("steadynorm")

_UNSET: Any = "unset"
_DEFAULT_SECONDS = 600


@dataclass(frozen=True)
class RunConfig:
    """The configuration of an Estimator on one machine.

    Source: tf.estimator.RunConfig, all arguments in its order. Training is on one machine, without a strategy.

    Arguments:
        model_dir: folder of checkpoints and summaries.
        tf_random_seed: graph seed of each training, evaluation and prediction; None for a random one.
        save_summary_steps: steps between summaries; None or 0 for none.
        save_checkpoints_steps: steps between checkpoints; None for none by steps.
        save_checkpoints_secs: seconds between checkpoints, 600 if neither is given; None for none by time.
        session_config: a tf.compat.v1.ConfigProto; None for one with soft placement.
        keep_checkpoint_max: how many of the last checkpoints are kept; 0 or None keeps all.
        keep_checkpoint_every_n_hours: one checkpoint per so many hours is kept for good.
        log_step_count_steps: steps between the lines of the log with loss and speed; None for none.
        train_distribute: None; a strategy is refused.
        device_fn: from an op to its device, as tf.device takes it.
        protocol: between machines; on one it changes nothing.
        eval_distribute: None; a strategy is refused.
        experimental_distribute: None, or a configuration without a strategy.
        experimental_max_worker_delay_secs: on one machine, which waits for no other, it changes nothing.
        session_creation_timeout_secs: as of tf.compat.v1.train.MonitoredTrainingSession.
        checkpoint_save_graph_def: whether a checkpoint has its graph beside it.

    Raises:
        ValueError: a number is out of range, checkpoints are asked for both by steps and by seconds, or there is a
            strategy for several devices or machines.
        TypeError: session_config is no ConfigProto.
    """

    model_dir: str | os.PathLike[str] | None = None
    tf_random_seed: int | None = None
    save_summary_steps: int | None = 100
    save_checkpoints_steps: int | None = _UNSET
    save_checkpoints_secs: float | None = _UNSET
    session_config: Any = None
    keep_checkpoint_max: int | None = 5
    keep_checkpoint_every_n_hours: float = 10000
    log_step_count_steps: int | None = 100
    train_distribute: Any = None
    device_fn: Callable[[Any], str] | None = None
    protocol: str | None = None
    eval_distribute: Any = None
    experimental_distribute: Any = None
    experimental_max_worker_delay_secs: int | None = None
    session_creation_timeout_secs: int = 7200
    checkpoint_save_graph_def: bool = True

    # A model_fn written for several machines asks these; on one they have one answer.
    is_chief: ClassVar[bool] = True
    task_type: ClassVar[str] = "worker"
    task_id: ClassVar[int] = 0
    global_id_in_cluster: ClassVar[int] = 0
    num_worker_replicas: ClassVar[int] = 1
    num_ps_replicas: ClassVar[int] = 0
    master: ClassVar[str] = ""
    evaluation_master: ClassVar[str] = ""

    def __post_init__(self) -> None:
        steps, seconds = _saving(self.save_checkpoints_steps, self.save_checkpoints_secs)
        object.__setattr__(self, "save_checkpoints_steps", steps)
        object.__setattr__(self, "save_checkpoints_secs", seconds)
        if self.model_dir is not None:
            object.__setattr__(self, "model_dir", os.fspath(self.model_dir))
        if self.session_config is None:
            object.__setattr__(self, "session_config", tf.compat.v1.ConfigProto(allow_soft_placement=True))
        _check(self)

    def replace(self, **changes: Any) -> RunConfig:
        """A copy with `changes`. A new way of saving checkpoints takes the place of the other one."""
        if "save_checkpoints_steps" in changes and changes["save_checkpoints_steps"] is not None:
            changes.setdefault("save_checkpoints_secs", None)
        elif "save_checkpoints_secs" in changes and changes["save_checkpoints_secs"] is not None:
            changes.setdefault("save_checkpoints_steps", None)
        return replace(self, **changes)

    @property
    def cluster_spec(self) -> Any:
        """An empty cluster: this machine only."""
        return tf.train.ClusterSpec({})


def with_folder(config: RunConfig, model_dir: str | os.PathLike[str] | None) -> RunConfig:
    """The configuration with the folder of the one or the other, or with a temporary one.

    Raises:
        ValueError: both have one, and not the same.
    """
    if model_dir is None and config.model_dir is not None:
        return config
    if model_dir is None:
        temporary = tempfile.mkdtemp()
        _log.warning("no model_dir: checkpoints and summaries go to the temporary folder %s", temporary)
        return config.replace(model_dir=temporary)
    folder = os.fspath(model_dir)
    if config.model_dir is not None and config.model_dir != folder:
        raise ValueError(
            f"model_dir is {folder} for the Estimator and {config.model_dir} in its config; expected the same: give "
            "it once"
        )
    return config.replace(model_dir=folder)


def _saving(steps: Any, seconds: Any) -> tuple[int | None, float | None]:
    if steps is _UNSET and seconds is _UNSET:
        return None, _DEFAULT_SECONDS
    steps = None if steps is _UNSET else steps
    seconds = None if seconds is _UNSET else seconds
    if steps is not None and seconds is not None:
        raise ValueError(
            f"save_checkpoints_steps is {steps} and save_checkpoints_secs is {seconds}; expected one of them: leave "
            "the other out, or make it None"
        )
    return steps, seconds


def _check(config: RunConfig) -> None:
    for name in ("train_distribute", "eval_distribute", "experimental_distribute"):
        if _distributes(getattr(config, name)):
            raise ValueError(
                f"{name} is {getattr(config, name)!r}; expected None: this Estimator trains on one machine and in one "
                "replica, so leave the strategy out"
            )
    for name in ("save_summary_steps", "save_checkpoints_steps", "save_checkpoints_secs", "log_step_count_steps"):
        value = getattr(config, name)
        if value is None or (name == "save_summary_steps" and value == 0 and value is not False):
            continue
        if name == "save_checkpoints_secs":
            if isinstance(value, bool) or not isinstance(value, Real) or not float(value) > 0:
                raise ValueError(f"{name} is {value!r}; expected seconds over 0, or None for never")
        elif isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name} is {value!r}; expected a whole number from 1 on, or None for never")
    keep = config.keep_checkpoint_max
    if keep is not None and (isinstance(keep, bool) or not isinstance(keep, Integral) or keep < 0):
        raise ValueError(f"keep_checkpoint_max is {keep!r}; expected a whole number, or None or 0 to keep all")
    if not config.keep_checkpoint_every_n_hours > 0:
        raise ValueError(
            f"keep_checkpoint_every_n_hours is {config.keep_checkpoint_every_n_hours!r}; expected hours over 0"
        )
    if not config.session_creation_timeout_secs > 0:
        raise ValueError(
            f"session_creation_timeout_secs is {config.session_creation_timeout_secs!r}; expected seconds over 0"
        )
    if not isinstance(config.session_config, tf.compat.v1.ConfigProto):
        raise TypeError(f"session_config is {config.session_config!r}; expected a tf.compat.v1.ConfigProto")
    if config.device_fn is not None and not callable(config.device_fn):
        raise TypeError(f"device_fn is {config.device_fn!r}; expected a function from an op to a device's name")


def _distributes(value: Any) -> bool:
    """Whether it is a strategy, or a tf.estimator DistributeConfig that has one; the default strategy is none."""
    if isinstance(value, tuple):
        return any(_distributes(each) for each in value)
    if value is None:
        return False
    with tf.Graph().as_default():
        return not any(value is each.get_strategy() for each in (tf.distribute, tf.compat.v1.distribute))
