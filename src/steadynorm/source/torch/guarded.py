"""Calls that inference does not come to: in arms for training, in losses, in what only makes targets."""

from __future__ import annotations

from itertools import dropwhile

from steadynorm.source.symbolic.trace import Branch, Call, Frame
from steadynorm.source.symbolic.values import Attribute, Expression, Instance, Value
from steadynorm.source.torch.steps import no_gradient

_LOSS = ("loss", "criterion")


def is_for_training(call: Call) -> bool:
    """Whether a call stands in an arm that is run because a module is in training mode. Another reason beside that one,
    as in `if self.training or not self.track_running_stats`, is an option of its own."""
    return any(_is_training(block.test, block.arm) for block in call.within if isinstance(block, Branch))


def _is_training(test: Value, arm: bool) -> bool:
    if isinstance(test, Attribute) and test.name == "training":
        return arm
    if isinstance(test, Expression) and test.operator == "Not":
        return _is_training(test.operands[0], not arm)
    if isinstance(test, Expression) and test.operator in ("And", "Or"):
        # Behind `if not self.training and edges is None: raise` the module is in any mode.
        return (arm or test.operator == "Or") and any(_is_training(each, arm) for each in test.operands)
    return False


def is_of_loss(call: Call) -> bool:
    """Whether a call belongs to a loss, by the name of a function or class around it."""
    return any(word in name.lower() for frame in call.stack for name in _names(frame) for word in _LOSS)


def _names(frame: Frame) -> tuple[str, ...]:
    own = frame.function.name
    return (own, frame.receiver.of.name) if isinstance(frame.receiver, Instance) else (own,)


def is_of_targets(call: Call) -> bool:
    """Whether the function itself that a call stands in takes no gradient of it: what a network gives is made for
    another one to learn. Who asks a network turns gradients off outside of it."""
    own = list(dropwhile(lambda block: block is not call.stack[-1], call.within)) if call.stack else []
    return no_gradient(tuple(own))
