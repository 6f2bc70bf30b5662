"""Calls of networks in a run that uses JAX: what each is for, and the mode of every layer inside that normalizes."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from steadynorm.place import Place
from steadynorm.source.jax.words import (
    EQUINOX,
    LINEN,
    NNX,
    PARAMETERS,
    is_gradient,
    is_restore,
    library_of,
)
from steadynorm.source.layers.graph import LayerGraph, Norm, is_building
from steadynorm.source.layers.models import norms_in
from steadynorm.source.symbolic.derived import original
from steadynorm.source.symbolic.flow import Uses, inside
from steadynorm.source.symbolic.trace import Assign, Block, Call, Callback, Carry, Frame, Return, Run, With
from steadynorm.source.symbolic.values import Instance, Item, Items, Known, Product, Table, Value, Wrapped
from steadynorm.source.symbolic.vocabulary import SEQUENCES

TRAINED, OTHER, PLAIN = "trained", "other", "plain"


@dataclass(eq=False)
class Use:
    """One call of a network from outside of any network.

    Arguments:
        library: `linen`, `nnx` or `equinox`.
        model: what is called.
        norms: the uses of normalization layers in it, in their order.
        block: the block that the network runs in.
        place: where it is called.
        outside: the blocks around it.
        call: the call; `None` for other methods than the call.
        gradient: the block of the gradient that it is in.
        purpose: `trained` under a gradient of its own parameters, `other` under one of others, `plain` elsewhere.
    """

    library: str
    model: Value
    norms: list[Norm]
    block: Block
    place: Place
    outside: tuple[Block, ...]
    call: Call | None
    gradient: With | None
    purpose: str = PLAIN

    @property
    def index(self) -> int:
        """Its position in the trace."""
        return self.norms[0].call.index

    @property
    def frame(self) -> Frame | None:
        """The network's own function."""
        within = self.norms[0].call.within
        start = within.index(self.block)
        return next((each for each in within[start:] if isinstance(each, Frame)), None)

    @property
    def path(self) -> tuple[Place, ...]:
        """Where it is called, and where the functions around that are, innermost first."""
        frames = [each.place for each in reversed(self.outside) if isinstance(each, Frame) and each.place is not None]
        return (self.place, *frames)

    @property
    def data(self) -> tuple[Value, ...]:
        """What the network is given, without variables and modes."""
        if self.library == LINEN and self.call is not None:
            return self.call.arguments[1:]
        frame = self.frame
        if frame is not None:
            names = [each.arg for each in frame.function.node.args.args if each.arg != "self"]
            return tuple(frame.arguments[name] for name in names if name in frame.arguments)
        return () if self.call is None else self.call.arguments

    @property
    def variables(self) -> Value | None:
        """What a Flax network is applied to."""
        return self.call.arguments[0] if self.library == LINEN and self.call and self.call.arguments else None

    def collection(self, name: str) -> Value | None:
        """One of the collections that a Flax network is applied to."""
        variables = self.variables
        if isinstance(variables, Table):
            return variables.entries.get(name)
        return None if variables is None else variables


@dataclass(eq=False)
class JaxRun:
    """What a run does with networks of JAX libraries.

    Arguments:
        graph: its layers.
    """

    graph: LayerGraph
    _norms: dict[int, tuple[Call, ...]] = field(default_factory=dict)

    @property
    def run(self) -> Run:
        """The run."""
        return self.graph.run

    @cached_property
    def uses(self) -> Uses:
        """Who takes what."""
        return Uses(self.run)

    def norms(self, model: Value | None) -> tuple[Call, ...]:
        """The calls that made the normalization layers inside a network."""
        if model is None:
            return ()
        if id(model) not in self._norms:
            self._norms[id(model)] = norms_in(model)
        return self._norms[id(model)]

    @cached_property
    def model_uses(self) -> tuple[Use, ...]:
        """The calls of networks with normalization layers, in their order."""
        found: dict[int, Use] = {}
        for norm in self.graph.norms:
            if norm.framework != "jax" or is_building(norm.call):
                continue
            position = _outermost(norm.call.within)
            if position is None:
                continue
            block = norm.call.within[position]
            if id(block) not in found:
                use = self._use(norm, block, norm.call.within[:position])
                if use is None:
                    continue
                found[id(block)] = use
            else:
                found[id(block)].norms.append(norm)
        for use in found.values():
            use.purpose = self._purpose(use)
        return tuple(found.values())

    def _use(self, norm: Norm, block: Block, outside: tuple[Block, ...]) -> Use | None:
        gradient = next((each for each in reversed(outside) if is_gradient(each)), None)
        assert gradient is None or isinstance(gradient, With)
        if isinstance(block, Callback):
            call = block.call
            if call is None or call.receiver is None:
                return None
            model = original(call.receiver)
            return Use(LINEN, model, [norm], block, call.place, outside, call, gradient)
        if isinstance(block, With):
            library = library_of(norm.made.name) or EQUINOX
            return Use(library, block.context, [norm], block, block.place, outside, None, gradient)
        if isinstance(block, Frame) and block.receiver is not None and block.place is not None:
            bases = block.receiver.of.external_bases() if isinstance(block.receiver, Instance) else ()
            kind = next((each for base in bases if (each := library_of(base))), None)
            if kind is None or kind == LINEN:
                return None
            call = self._calls.get(id(block))
            return Use(kind, block.receiver, [norm], block, block.place, outside, call, gradient)
        return None

    @cached_property
    def _calls(self) -> dict[int, Call]:
        """By the function of an object that a call runs, that call."""
        found: dict[int, Call] = {}
        last: Call | None = None
        for event in self.run.events:
            if isinstance(event, Call) and isinstance(event.callee, Instance):
                last = event
            elif isinstance(event, Frame) and last is not None and _runs(last, event):
                found.setdefault(id(event), last)
        return found

    def _purpose(self, use: Use) -> str:
        if use.gradient is None:
            return PLAIN
        wanted = self.differentiated(use)
        if wanted is None:
            return TRAINED
        if use.library == LINEN:
            if _names_others(use):
                return OTHER
            given = [use.collection(PARAMETERS), use.variables]
            parts = {id(part) for each in given if each is not None for part in inside(each)}
            return TRAINED if any(id(each) in parts for each in inside(*wanted)) else OTHER
        made = {norm.made for norm in use.norms}
        return TRAINED if made & {call for each in inside(*wanted) for call in self.norms(each)} else OTHER

    def differentiated(self, use: Use) -> tuple[Value, ...] | None:
        """What the gradient around a call is taken by; `None` if that is not known."""
        if use.gradient is None:
            return None
        start = use.outside.index(use.gradient)
        frame = next((each for each in use.outside[start:] if isinstance(each, Frame)), None)
        if frame is None:
            return None
        names = [each.arg for each in frame.function.node.args.args if each.arg != "self"]
        positions = self._positions(use.gradient)
        if positions is None or not all(position < len(names) for position in positions):
            return None
        values = [frame.arguments.get(names[position]) for position in positions]
        return tuple(each for each in values if each is not None)

    def _positions(self, gradient: With) -> tuple[int, ...] | None:
        """The positions of the arguments that a gradient is taken by; `None` if they are not known."""
        context = gradient.context
        call = context.call if isinstance(context, Product) else self._gradients.get(gradient.place)
        given = None if call is None else call.argument(1, "argnums")
        found: list[int] = []
        for each in (Known(0),) if given is None else given.items if isinstance(given, Items) else (given,):
            if isinstance(each, Product) and each.call.name == "flax.nnx.DiffState" and each.call.arguments:
                each = each.call.arguments[0]
            if not isinstance(each, Known) or type(each.value) is not int or each.value < 0:
                return None
            found.append(each.value)
        return tuple(found)

    @cached_property
    def _gradients(self) -> dict[Place, Call]:
        """By the place where a differentiated function is called, the call that made it."""
        return {
            call.place: call.callee.call
            for call in self.run.calls()
            if isinstance(call.callee, Wrapped) and call.callee.call is not None
        }

    @cached_property
    def _taken(self) -> dict[int, list[Call | Assign | Return | Carry]]:
        """By a call that gives a result and a new state, who takes the state."""
        found: dict[int, list[Call | Assign | Return | Carry]] = defaultdict(list)
        for event in self.run.events:
            for value in inside(*_values(event)):
                if isinstance(value, Item) and value.key == Known(1) and isinstance(value.of, Product):
                    assert isinstance(event, Call | Assign | Return | Carry)
                    found[id(value.of.call)].append(event)
        return found

    def keeps_state(self, use: Use) -> bool:
        """Whether the new statistics of a call go anywhere."""
        if use.library == NNX:
            return True
        if use.library == LINEN:
            return use.call is not None and self._is_taken(use.call, use)
        # Other layers with a state may stand behind, and hand it on.
        return any(self._is_taken(call, use) for call in self.run.calls() if use.block in call.within)

    def _is_taken(self, call: Call, use: Use) -> bool:
        return any(use.block not in event.within for event in self._taken.get(id(call), ()))

    @cached_property
    def restores(self) -> tuple[Call, ...]:
        """The calls that read checkpoints."""
        return tuple(call for call in self.run.calls() if is_restore(call.name, call.receiver))

    def place_of(self, use: Use, others: Iterator[Use] | tuple[Use, ...]) -> Place:
        """Where a call is told from others that go through the same helper function."""
        taken = {place for other in others if other is not use for place in other.path}
        return next((place for place in use.path if place not in taken), use.place)


def _runs(call: Call, frame: Frame) -> bool:
    """Whether a function is the one that a call of its object runs."""
    return frame.receiver is call.callee and frame.place == call.place


def _names_others(use: Use) -> bool:
    """Whether a network is applied to parameters that have another name than those of the gradient.

    At the beginning a target network has the values of its original.
    """
    node = None if use.call is None or use.call.node is None or not use.call.node.args else use.call.node.args[0]
    if use.gradient is None or not isinstance(node, ast.Dict):
        return False
    inner = [each for each in use.outside[use.outside.index(use.gradient) :] if isinstance(each, Frame)]
    known = {name for frame in inner for name in (*frame.arguments, *_assigned(frame))}
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == PARAMETERS and isinstance(value, ast.Name):
            return bool(inner) and value.id not in known
    return False


def _assigned(frame: Frame) -> set[str]:
    nodes = ast.walk(frame.function.node)
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _values(event: object) -> tuple[Value, ...]:
    if isinstance(event, Call):
        return (*event.arguments, *event.keywords.values(), *event.spread, *event.callbacks.values())
    if isinstance(event, Assign):
        return (event.value,)
    if isinstance(event, Return):
        outermost = all(block is event.frame for block in event.within if isinstance(block, Frame))
        return (event.value,) if outermost else ()
    return (event.after,) if isinstance(event, Carry) else ()


def _outermost(within: tuple[Block, ...]) -> int | None:
    """The position of the block in which the outermost network runs."""
    for position, block in enumerate(within):
        if isinstance(block, Callback) and block.call is not None and block.argument == "apply":
            return position
        if isinstance(block, Frame) and isinstance(block.receiver, Instance) and _is_network(block.receiver):
            return position
        if isinstance(block, With) and isinstance(block.context, Product) and block.context.call.name in SEQUENCES:
            return position
    return None


def _is_network(value: Instance) -> bool:
    return any(library_of(base) is not None for base in value.of.external_bases())


def name_of_model(use: Use) -> str:
    """What a network's author calls it."""
    model = original(use.model)
    if isinstance(model, Instance):
        return model.of.name
    return model.call.name.rpartition(".")[2] if isinstance(model, Product) else "model"
