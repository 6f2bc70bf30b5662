"""A run of a PyTorch program: its models, where they are called, what trains them and what only asks them."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

from steadynorm.place import Place
from steadynorm.source.symbolic.flow import Uses, calls_behind, inside
from steadynorm.source.symbolic.trace import Block, Call, Callback, Frame, Return, Run, With
from steadynorm.source.symbolic.values import (
    Attribute,
    Expression,
    Instance,
    Known,
    Parameter,
    Product,
    Value,
    constant_bool,
)
from steadynorm.source.symbolic.vocabulary import SEQUENCES
from steadynorm.source.torch.made_up import is_made_up, is_shown
from steadynorm.source.torch.models import AVERAGED, Key, Models, is_module, is_norm, keeps_statistics
from steadynorm.source.torch.modes import Modes
from steadynorm.source.torch.state import Observation
from steadynorm.source.torch.steps import Backward, Optimizer, backwards_of, gradient_behind, optimizers_of
from steadynorm.source.torch.unseen import Unseen, base_of
from steadynorm.source.torch.words import FUNCTIONAL, normalizes, short, zoo_name

FORWARD = ("forward", "__call__")
STEPS_OF_A_FRAMEWORK = ("training_step", "validation_step", "test_step", "predict_step")
_RUNS = re.compile(
    r"^(?:forward\w*|features|extract_features|layer\d+|stem|conv\w*|bn\d*|block\w*|stage\w*|encoder|decoder|backbone|body"
    r"|trunk|segmentation_head)$"
)
"""Methods and parts of a published model that run layers of it."""


class Role(StrEnum):
    """What a call of a model is for."""

    TRAIN = "train"
    THROUGH = "through"
    AIDE = "aide"
    ATTACK = "attack"
    ASK = "ask"
    NOTHING = "nothing"


@dataclass(slots=True, eq=False)
class Group:
    """One call of a model, with everything in it that normalizes.

    Arguments:
        root: the model that is called, the outermost.
        place: of the call; `None` where something outside of the project calls.
        first: the first event of it.
        given: what it is given.
        result: what it gives.
        dropped: whether nobody takes that.
        uses: the calls inside that normalize by the batch or by statistics.
        unseen: where there are none that are known to, those of networks whose layers nobody sees.
        role: what it is for.
        steps: what trains through it.
        by_method: whether another method of the model is called than the one that runs all of it.
    """

    root: Key
    place: Place | None
    first: Call
    given: tuple[Value, ...]
    result: tuple[Value, ...]
    dropped: bool
    uses: list[Call] = field(default_factory=list)
    unseen: list[Call] = field(default_factory=list)
    role: Role = Role.NOTHING
    steps: list[Backward] = field(default_factory=list)
    by_method: bool = False


class TorchProgram:
    """What a run makes of its models.

    Arguments:
        run: the run.
        before: the run of the module whose functions it runs.
    """

    def __init__(self, run: Run, before: TorchProgram | None = None) -> None:
        self.run, self.before = run, before
        self.models = Models(run) if before is None else Models(before.run, run)
        self.unseen = Unseen(self.models, *(() if before is None else (before.run,)), run)
        self._returned: dict[int, list[Value]] = defaultdict(list)
        self._called_by: dict[int, Call] = {}
        self._first_here: dict[tuple[object, ...], Call] = {}
        self.mixed: set[int] = set()
        """Values that are given back as a part of an expression, which is a use of theirs, too."""
        self.given_out: set[int] = set()
        """Values that go to somebody outside of the project."""
        self._index()
        self.optimizers: list[Optimizer] = optimizers_of(run, self.models)
        self.backwards: list[Backward] = backwards_of(run, self.optimizers, self._returned)
        state = None if before is None else before.modes.state
        self.modes: Modes = Modes(run, self.models, self.interest, state)
        self.observed: dict[int, list[Observation]] = defaultdict(list)
        for each in self.modes.observations:
            self.observed[each.call.index].append(each)
        groups = list(self._groups())
        self._give_roles(groups)
        self.groups: list[Group] = [each for each in groups if not each.unseen]
        self.guessed: list[Group] = [each for each in groups if each.unseen]
        """Calls of networks whose layers nobody sees."""

    @cached_property
    def uses(self) -> Uses:
        """Who takes what in the run; a quarter of all runs get by without."""
        return Uses(self.run)

    # What is called

    def interest(self, call: Call) -> Key | None:
        """The key of the layer or model whose mode a call depends on; `None` if there is no such thing."""
        if is_norm(call.callee):
            return self.models.key(call.callee)
        if call.name in FUNCTIONAL:
            training = call.argument(5, "training")
            return self.models.key(training.of) if _is_mode(training) else None  # type: ignore[union-attr]
        if self.is_published(call):
            return self.models.key(call.callee)
        if call.name in _ASKED or call.name.startswith("torch.jit.trace"):
            return self.models.key(call.argument(0, "model", "mod", "func", "obj"))
        return self.unseen_network(call)

    def unseen_network(self, call: Call) -> Key | None:
        """The network that a call runs whose layers nobody sees; `None` if it runs none, or only a look at it."""
        callee = call.callee
        if isinstance(callee, Attribute) and isinstance(base_of(callee), Product) and not _RUNS.match(callee.name):
            return None
        return self.unseen.network(callee)

    def is_published(self, call: Call) -> bool:
        """Whether a call runs a published model, or a part of one."""
        value: Value = call.callee
        if isinstance(value, Attribute) and not _RUNS.match(value.name):
            return False
        value = base_of(value)
        if type(value) is not Product:
            return False
        if value.call.name == AVERAGED or (value.call.name in SEQUENCES and value.call.more):
            key = self.models.key(value)
            return key is not None and self.models.bears(key) is True
        return zoo_name(value.call) is not None and normalizes(value.call) is True

    def tracks(self, call: Call) -> bool:
        """Whether a call that normalizes has statistics that it could use."""
        if is_norm(call.callee):
            assert isinstance(call.callee, Product)
            return keeps_statistics(call.callee.call)
        if call.name in FUNCTIONAL:
            mean = call.argument(1, "running_mean")
            return mean is not None and not (isinstance(mean, Known) and mean.value is None)
        return True

    def _index(self) -> None:
        last: object = None
        for event in self.run.events:
            if type(event) is Frame:
                if isinstance(last, Call) and last.place is event.place:
                    self._called_by[id(event)] = last
            elif type(event) is Return:
                self._returned[id(event.frame)].append(event.value)
                outermost = all(block is event.frame for block in event.within if isinstance(block, Frame))
                for value in inside(event.value):
                    if outermost:
                        self.given_out.add(id(value))
                    if isinstance(value, Expression):
                        self.mixed.update(map(id, value.operands))
            elif type(event) is Call and self._is_model_call(event):
                self._first_here.setdefault((event.place, *map(id, _without_sequences(event))), event)
            last = event

    def _is_model_call(self, call: Call) -> bool:
        return isinstance(call.callee, Product | Instance | Parameter) and not call.name.startswith(".")

    def _groups(self) -> Iterator[Group]:
        found: dict[object, Group] = {}
        for call in self.run.calls():
            seen = is_norm(call.callee) or call.name in FUNCTIONAL or self.is_published(call)
            if not seen and self.unseen_network(call) is None:
                continue
            group = self._group_of(call, found)
            if group is not None and not self.models.is_altered(group.root):
                (group.uses if seen else group.unseen).append(call)
        for group in found.values():
            if group.uses:
                # What is seen of it tells enough.
                group.unseen.clear()
            else:
                group.uses = group.unseen
        yield from (group for group in found.values() if group.uses)

    def _group_of(self, call: Call, found: dict[object, Group]) -> Group | None:
        frame = next((each for each in call.stack if is_forward(each)), None)
        spot = (call.place, *map(id, _without_sequences(call)))
        first = self._first_here.get(spot, call)
        if frame is None and first is call:
            frame = _method_around(call)
        if frame is not None:
            if id(frame) not in found:
                root = self.models.key(frame.receiver)
                if root is None:
                    return None
                caller = self._called_by.get(id(frame))
                given = tuple(value for name, value in frame.arguments.items() if value is not frame.receiver)
                result = tuple(self._returned.get(id(frame), ()))
                dropped = caller is not None and caller.dropped
                by_method = not is_forward(frame)
                found[id(frame)] = Group(root, frame.place, caller or call, given, result, dropped, by_method=by_method)
            return found[id(frame)]
        if spot not in found:
            key = self.models.key(first.callee)
            if key is None:
                return None
            result = () if first.result is None else (first.result,)
            found[spot] = Group(key, first.place, first, first.arguments, result, first.dropped)
        return found[spot]

    # What it is for

    def _give_roles(self, groups: list[Group]) -> None:
        trained = [(step, gradient_behind(step.losses)) for step in self.backwards]
        plain = {call.index for step in self.backwards for call in calls_behind(*step.losses)}
        for group in groups:
            for step, calls in trained:
                if any(use.index in calls for use in group.uses):
                    group.steps.append(step)
            group.role = self._role(group, plain)

    def _role(self, group: Group, plain: set[int]) -> Role:
        stepping = [step for step in group.steps if step.optimizers]
        if any(self.covers(optimizer, group.root) for step in stepping for optimizer in step.optimizers):
            return Role.TRAIN
        if stepping:
            return Role.THROUGH
        if group.steps:
            return Role.ATTACK
        if any(use.index in plain for use in group.uses):
            return Role.AIDE
        if group.dropped or _is_step(group):
            return Role.NOTHING
        if is_made_up(*group.given[:1]) and not is_shown(self.uses, group.result):
            return Role.NOTHING
        return Role.ASK

    def covers(self, optimizer: Optimizer, key: Key) -> bool:
        """Whether an optimizer trains parameters of a model; so it is if nobody knows what it trains."""
        return optimizer.covered is None or any(
            self.models.is_within(key, each) or self.models.is_within(each, key) for each in optimizer.covered
        )

    def is_trained(self, key: Key) -> bool:
        """Whether any optimizer that is known to train something trains a model."""
        return any(optimizer.covered is not None and self.covers(optimizer, key) for optimizer in self.optimizers)

    def built_by_name(self) -> Iterator[Place]:
        """Where the networks are built that are called and whose layers nobody sees."""
        for use in (use for group in self.guessed for use in group.unseen):
            made = base_of(use.callee)
            if isinstance(made, Product):
                yield made.call.place

    def undone_by_frameworks(self) -> Iterator[tuple[Call, Call, bool]]:
        """Freezes that a framework undoes: what froze, what undoes it, and whether only some versions do. What becomes
        of those of a class whose subclasses are made into objects is seen there."""
        own = [each.of for each in self.run.instances[:1]] if self.run.kind == "class" else []
        made = () if self.before is None else self.before.run.instances
        if not any(cls in each.of.lineage() for cls in own for each in made):
            yield from self.modes.undone_by_frameworks

    # What is known about a call

    def facts(self, call: Call) -> list[Observation]:
        """The modes that a call was seen in."""
        return self.observed.get(call.index, [])

    def constant_mode(self, call: Call) -> bool | None:
        """The mode of a functional call, where it is written there; `None` if it is not."""
        training = call.argument(5, "training")
        if training is None:
            return None if call.more else False
        written = isinstance(written_argument(call, 5, "training"), ast.Constant)
        return constant_bool(training) if written else None


def written_argument(call: Call, position: int, name: str) -> ast.expr | None:
    """How an argument is written."""
    if call.node is None:
        return None
    for keyword in call.node.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.node.args[position] if position < len(call.node.args) else None


_ASKED = frozenset(
    {
        "torch.onnx.export",
        "torch.onnx.utils.export",
        "torch.onnx.dynamo_export",
        "torch.export.export",
        "torch.jit.script",
    }
)


def _without_sequences(call: Call) -> Iterator[Block]:
    """The blocks around a call, but for the sequences of layers that it is in."""
    for block in call.within:
        held = block.context if isinstance(block, With) and block.place == call.place else None
        if not isinstance(held, Instance) and not (isinstance(held, Product) and held.call.name in SEQUENCES):
            yield block


def _is_mode(value: Value | None) -> bool:
    return isinstance(value, Attribute) and value.name == "training"


def is_forward(frame: Frame) -> bool:
    """Whether a function is what runs when a model is called."""
    name = short(frame.function.name)
    return frame.receiver is not None and is_module(frame.receiver) and name in FORWARD


def _method_around(call: Call) -> Frame | None:
    """The method of a model that is called to run a layer of it, as in `model.decode(z)`; `None` if there is none.

    What a framework calls by itself is not called by anybody.
    """
    for before, block in pairwise((None, *call.within)):
        hooked = isinstance(before, Callback) and before.call is None
        if isinstance(block, Frame) and not hooked and block.place is not None and _is_module(block):
            return block
    return None


def _is_step(group: Group) -> bool:
    """Whether it stands in a step whose mode a framework sets."""
    frames = group.first.stack
    return any(short(frame.function.name) in STEPS_OF_A_FRAMEWORK and _is_module(frame) for frame in frames)


def _is_module(frame: Frame) -> bool:
    return frame.receiver is not None and is_module(frame.receiver)
