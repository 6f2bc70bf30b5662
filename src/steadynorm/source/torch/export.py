"""SN209 in PyTorch: models that are traced, scripted or exported in training mode."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from steadynorm.program import Sighting
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Attribute, External, Known
from steadynorm.source.torch.known import name_of
from steadynorm.source.torch.program import TorchProgram
from steadynorm.source.torch.sightings import seen

_ONNX = ("torch.onnx.export", "torch.onnx.utils.export")
_SCRIPT = "torch.jit.script"


def look_at_exports(program: TorchProgram) -> Iterator[Sighting]:
    """The exports of a run."""
    for call in program.run.calls():
        if call.name not in (*_ONNX, _SCRIPT, "torch.export.export", "torch.onnx.dynamo_export") and (
            not call.name.startswith("torch.jit.trace")
        ):
            continue
        key = program.interest(call)
        observed = [each for each in program.facts(call) if not each.free]
        if key is None or not observed or not all(each.trains for each in observed):
            continue
        if program.models.bears(key) is not True:
            continue
        how, settle = _case(program, call)
        if how is not None:
            subject = name_of(program, key)
            written = call.node.args[0] if call.node is not None and call.node.args else None
            model = subject if written is None or isinstance(written, ast.Call) else ast.unparse(written)
            yield seen("SN209", call.place, subject, how, settle, model=model)


def _case(program: TorchProgram, call: Call) -> tuple[str | None, str | None]:
    """Which kind of export it is, and what would settle whether it is wrong; no kind if it is not."""
    if call.name == _SCRIPT:
        if _is_switched_later(program, call):
            return None, None
        return "script", "whether whoever loads it calls eval()"
    if call.name not in _ONNX:
        return "trace" if "trace" in call.name else "export", None
    training = call.argument(None, "training")
    if training is not None:
        name = training.name if isinstance(training, External | Attribute) else ""
        return ("onnx-mode", None) if name.endswith(("TRAINING", "PRESERVE")) else (None, None)
    dynamo = call.argument(None, "dynamo")
    if isinstance(dynamo, Known):
        return ("onnx", None) if dynamo.value is True else (None, None)
    if call.more:
        return None, None
    return "onnx", "the version of PyTorch: up to 2.8 export() itself switches to inference mode, from 2.9 it does not"


def _is_switched_later(program: TorchProgram, call: Call) -> bool:
    return any(other.name == ".eval" and other.receiver is call.result for other in program.run.calls())
