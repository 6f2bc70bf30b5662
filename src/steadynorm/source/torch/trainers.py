"""What the trainers of Lightning, which call hooks, and of transformers do to the modes of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from steadynorm.source.symbolic.blocks import Nested, Node
from steadynorm.source.symbolic.trace import Call, Callback, Frame
from steadynorm.source.symbolic.values import Instance, Value
from steadynorm.source.torch.models import Key, Models
from steadynorm.source.torch.state import State
from steadynorm.source.torch.trained_by import trained_model

FIRST_HOOKS = ("on_fit_start",)
"""What Lightning calls once before it sets the modes of the module."""

BEGIN_HOOKS = ("on_train_start",)
"""What Lightning calls once before training, with the modes set."""

FIT_HOOKS = (
    "on_train_epoch_start",
    "on_epoch_start",
    "on_train_batch_start",
    "training_step",
    "on_train_batch_end",
    "on_train_epoch_end",
    "training_epoch_end",
    "on_epoch_end",
)
"""What Lightning calls in every epoch of training."""

STEP_HOOKS = (
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "optimizer_step",
    "optimizer_zero_grad",
)
"""What Lightning calls in every step of training, around that of the optimizer."""


def is_hook(node: Node) -> bool:
    """Whether it is a method of an object that is not called in the run, but by a framework or somebody unknown."""
    return (
        isinstance(node, Nested)
        and isinstance(node.block, Callback)
        and node.block.call is None
        and node.block.argument != "__init__"
    )


def is_of_lightning(node: Nested) -> bool:
    """Whether a hook is a method of a class of Lightning's: a module, or a callback."""
    first = next((each for each in node.inside if isinstance(each, Nested)), None)
    while first is not None and not isinstance(first.block, Frame):
        first = next((each for each in first.inside if isinstance(each, Nested)), None)
    return first is not None and isinstance(first.block, Frame) and _is_lightning(first.block.receiver)


def hooks_by_name(nodes: list[Nested]) -> dict[str, list[Nested]]:
    """Hooks by the name of the method."""
    by_name: dict[str, list[Nested]] = {}
    for node in nodes:
        assert isinstance(node.block, Callback)
        by_name.setdefault(str(node.block.argument), []).append(node)
    return by_name


def begin_fit(state: State, models: Models, instances: Sequence[Instance]) -> list[tuple[Key, Call]]:
    """Puts the module, one of a run's objects, into training mode as Lightning's `fit` does: all of it before version
    2.2, from then on what was not frozen.

    Returns:
        the parts whose freeze this undoes in some versions, and what froze them.
    """
    undone = []
    for spot, entry in list(state.entries.items()):
        frozen = entry.frozen_by
        module = next((each for each in models.ancestors(spot[0]) if _is_module(models.value(each))), None)
        if module is None or frozen is None or models.is_shielded(spot[0], module):
            continue
        if not any(models.value(module) is each for each in instances):
            continue
        if spot[0] != module or spot[1]:
            undone.append((spot[0], frozen))
            state.undone[spot] = frozen, frozen
        del state.entries[spot]
    return undone


def undone_by_trainer(call: Call, state: State, models: Models) -> Iterator[tuple[Key, Call]]:
    """The parts whose freeze `transformers.Trainer.train` undoes, which calls `train()` of the model in every step, and
    what froze them."""
    key = models.key(trained_model(call))
    if key is None:
        return
    for spot, entry in state.entries.items():
        if entry.frozen_by is None or spot == (key, False) or not models.is_within(spot[0], key):
            continue
        if not models.is_shielded(spot[0], key):
            yield spot[0], entry.frozen_by


def _is_module(value: Value | None) -> bool:
    """Whether it is a module that Lightning trains; what a callback has is nothing to it."""
    return isinstance(value, Instance) and any(
        base.startswith("lightning.") and base.endswith(".LightningModule") for base in value.of.external_bases()
    )


def _is_lightning(value: Value | None) -> bool:
    return isinstance(value, Instance) and any(base.startswith("lightning.") for base in value.of.external_bases())
