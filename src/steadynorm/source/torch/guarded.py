"""Calls that inference does not come to: in arms for training, in losses, in what only makes targets."""

from __future__ import annotations

import re
from itertools import dropwhile

from steadynorm.source.symbolic.trace import Branch, Call, Frame
from steadynorm.source.symbolic.values import Attribute, Expression, Instance, Value
from steadynorm.source.torch.models import is_module
from steadynorm.source.torch.program import FORWARD
from steadynorm.source.torch.steps import no_gradient
from steadynorm.source.torch.words import short

_LOSS = frozenset({"loss", "losses", "criterion", "criteria"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
"""A word of a name in snake or camel case: `VICRegLoss` and `vicreg_loss` have one for a loss, `GlossNet` has none."""


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
    """Whether a call belongs to a loss, by the name of a function or class around it. What `eval_loss(model, batch)`
    asks a network for is no part of one."""
    of_network = False
    for frame in reversed(call.stack):
        name = short(frame.function.name)
        if (not of_network and _is_loss(name)) or _is_loss(_class_of(frame)):
            return True
        of_network = of_network or (name in FORWARD and frame.receiver is not None and is_module(frame.receiver))
    return False


def _class_of(frame: Frame) -> str:
    return frame.receiver.of.name if isinstance(frame.receiver, Instance) else ""


def _is_loss(name: str) -> bool:
    return any(word.lower() in _LOSS for word in _WORD.findall(name))


def is_of_targets(call: Call) -> bool:
    """Whether the function itself that a call stands in takes no gradient of it: what a network gives is made for
    another one to learn. Who asks a network turns gradients off outside of it."""
    own = list(dropwhile(lambda block: block is not call.stack[-1], call.within)) if call.stack else []
    return no_gradient(tuple(own))
