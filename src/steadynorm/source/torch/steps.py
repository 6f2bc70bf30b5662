"""Optimizers, what they train, and the backward passes whose gradients they use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from steadynorm.source.symbolic.flow import behind, inputs, parts, walk
from steadynorm.source.symbolic.trace import Block, Call, Return, Run, With
from steadynorm.source.symbolic.values import Attribute, Known, Product, Value
from steadynorm.source.torch.models import Key, Models, is_module
from steadynorm.source.torch.words import NO_GRADIENT, OPTIMIZERS, PARAMETERS, short

_STOPS = frozenset({".detach", ".detach_", ".item", ".numpy", ".tolist", ".argmax", "torch.argmax", "torch.no_grad"})
_BACKWARD = (".backward", ".manual_backward")


@dataclass(slots=True, eq=False)
class Optimizer:
    """An optimizer.

    Arguments:
        call: the call that made it; `None` for one that is only seen to make a step.
        covered: the models whose parameters it was given; `None` if that is not known.
    """

    call: Call | None
    covered: frozenset[Key] | None


@dataclass(slots=True, eq=False)
class Backward:
    """A backward pass.

    Arguments:
        call: the call; `None` where a framework does it with what a method returns.
        losses: what the gradient is taken of.
        optimizers: those that make a step with it.
    """

    call: Call | None
    losses: tuple[Value, ...]
    optimizers: list[Optimizer] = field(default_factory=list)


def optimizers_of(run: Run, models: Models) -> list[Optimizer]:
    """The optimizers of a run, in the order in which they are made."""
    found = []
    for call in run.calls():
        if call.name.startswith(OPTIMIZERS) and short(call.name)[:1].isupper() and isinstance(call.result, Product):
            given = call.argument(0, "params", "optimizer", "base_optimizer")
            found.append(Optimizer(call, None if given is None else _covered(given, models)))
    return found


def _covered(given: Value, models: Models) -> frozenset[Key] | None:
    keys = set()
    for value in behind(given):
        if isinstance(value, Product) and value.call.name in PARAMETERS:
            key = models.key(value.call.receiver)
            if key is not None:
                keys.add(key)
        elif isinstance(value, Attribute) and value.name in ("weight", "bias"):
            key = models.key(value.of)
            if key is not None:
                keys.add(key)
    return frozenset(keys) or None


def backwards_of(run: Run, optimizers: list[Optimizer], returned: Mapping[int, Sequence[Value]]) -> list[Backward]:
    """The backward passes of a run, with the optimizers that make a step with their gradients."""
    by_result = {id(each.call.result): each for each in optimizers if each.call is not None}
    unknown = Optimizer(None, None)
    found: list[Backward] = []
    waiting: list[Backward] = []
    for event in run.events:
        if type(event) is Return:
            if short(event.frame.function.name) == "training_step" and _is_of_framework(event):
                own = _configured(event, optimizers)
                found.append(Backward(None, (event.value,), own or [unknown]))
            continue
        if type(event) is not Call:
            continue
        if event.name in _BACKWARD or event.name == "torch.autograd.backward":
            one = Backward(event, _losses(event))
            found.append(one)
            # What was used by a step is over once other gradients are taken.
            waiting = [*(each for each in waiting if not each.optimizers), one]
        elif event.name in ("torch.autograd.grad", "torch.func.grad"):
            found.append(Backward(event, event.arguments[:1]))
        elif event.name == ".step" and waiting:
            if not _is_scheduler(event.receiver):
                stepped = _stepped(event, by_result) or unknown
                for one in waiting:
                    one.optimizers.append(stepped)
        elif event.name == ".zero_grad":
            waiting.clear()
    for one in found:
        one.optimizers = list(dict.fromkeys(one.optimizers))
    return found


def _stepped(call: Call, by_result: Mapping[int, Optimizer]) -> Optimizer | None:
    """The optimizer that makes a step, with a tool that scales gradients or by itself; `None` if nobody knows which."""
    return next((by_result[id(value)] for value in (*call.arguments, call.receiver) if id(value) in by_result), None)


def _is_scheduler(value: Value | None) -> bool:
    """Whether it steps through learning rates, not through weights."""
    return isinstance(value, Product) and ("lr_scheduler" in value.call.name or "Scheduler" in value.call.name)


def _losses(call: Call) -> tuple[Value, ...]:
    receiver = call.receiver
    of_tool = call.arguments and (call.name != ".backward" or _is_tool(receiver))
    if of_tool:
        return call.arguments[:1]
    return () if receiver is None else (receiver,)


def _is_tool(value: Value | None) -> bool:
    return isinstance(value, Product) and value.call.name.startswith(("accelerate.", "lightning.", "lightning_fabric."))


def _is_of_framework(event: Return) -> bool:
    frame = event.frame
    return frame.receiver is not None and is_module(frame.receiver)


def _configured(event: Return, optimizers: list[Optimizer]) -> list[Optimizer]:
    receiver = event.frame.receiver
    return [
        each
        for each in optimizers
        if each.call is not None
        and any(
            frame.receiver is receiver and short(frame.function.name) == "configure_optimizers"
            for frame in each.call.stack
        )
    ]


def no_gradient(within: tuple[Block, ...]) -> bool:
    """Whether no gradient is recorded where something stands."""
    off = False
    for block in within:
        if isinstance(block, With):
            context = block.context
            name = context.call.name if isinstance(context, Product) else getattr(context, "name", "")
            if name in NO_GRADIENT:
                off = True
            elif name in ("torch.set_grad_enabled", "torch.enable_grad"):
                given = context.call.argument(0, "mode") if isinstance(context, Product) else None
                off = isinstance(given, Known) and given.value is False
    return off


def gradient_behind(losses: tuple[Value, ...]) -> set[int]:
    """The positions of the calls that a gradient flows back through."""

    def before(value: Value) -> tuple[Value, ...]:
        if isinstance(value, Product):
            return () if _is_without_gradient(value.call) else inputs(value.call)
        is_detached = isinstance(value, Attribute) and value.name in ("data", "shape", "grad")
        return () if is_detached else parts(value)

    calls = (value.call for value in walk(losses, before) if isinstance(value, Product))
    return {call.index for call in calls if not _is_without_gradient(call)}


def _is_without_gradient(call: Call) -> bool:
    return call.name in _STOPS or no_gradient(call.within) or _is_gradient_alone(call)


def _is_gradient_alone(call: Call) -> bool:
    """Whether a call gives gradients that no further gradient flows through, as those that an attack follows."""
    if call.name != "torch.autograd.grad" or call.more:
        return False
    given = call.argument(4, "create_graph")
    return given is None or (isinstance(given, Known) and given.value is False)
