"""SN205 in PyTorch: a mode that a method is given and does not hand on."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from steadynorm.program import Sighting
from steadynorm.source.symbolic.trace import Branch, Call
from steadynorm.source.symbolic.values import Attribute, Known, Parameter, Super
from steadynorm.source.torch.models import is_module
from steadynorm.source.torch.program import TorchProgram, written_argument
from steadynorm.source.torch.sightings import called, seen
from steadynorm.source.torch.words import FUNCTIONAL, short

_MODE_NAMES = ("training", "is_training", "train", "is_train")


def look_at_passing(program: TorchProgram) -> Iterator[Sighting]:
    """Calls that should be given the mode and are not."""
    for call in program.run.calls():
        if call.name == ".train":
            yield from _train(call)
        elif call.name in FUNCTIONAL and is_not_handed_on(call) and program.tracks(call):
            name = _mode_parameter(call)
            yield seen("SN205", call.place, "F.batch_norm", "argument", argument=name or "")


def _train(call: Call) -> Iterator[Sighting]:
    """`super().train()` inside of `train(self, mode)`: `eval()`, which calls `train(False)`, has no effect."""
    frame = call.stack[-1] if call.stack else None
    if frame is None or short(frame.function.name) != "train" or call.arguments or call.keywords or call.more:
        return
    given = frame.arguments.get("mode")
    free = isinstance(given, Parameter)
    if not free and not (isinstance(given, Known) and given.value is False):
        return
    if any(isinstance(block, Branch) for block in call.within[call.within.index(frame) :]):
        return
    receiver = frame.receiver
    module = receiver is not None and is_module(receiver)
    if module and not isinstance(call.receiver, Super):
        # What else is switched on in there may be meant.
        return
    if not module and free:
        return
    written = called(call) or "train"
    yield seen("SN205", call.place, f"{written}()", "train", argument="mode", call=written)


def is_not_handed_on(call: Call) -> bool:
    """Whether a functional call leaves out the mode that the function around it is given."""
    given = written_argument(call, 5, "training")
    return not call.more and (given is None or isinstance(given, ast.Constant)) and _mode_parameter(call) is not None


def _mode_parameter(call: Call) -> str | None:
    frames = call.stack
    if not frames:
        return None
    given = frames[-1].arguments
    return next((name for name in _MODE_NAMES if name in given and not isinstance(given[name], Attribute)), None)
