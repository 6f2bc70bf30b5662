"""Runs a trace again with the modes of the models: who is in training mode and who in inference mode, and since when.

Arms that are not decided are run one after the other from the same state and joined; a loop's body is run a second
time where the first one leaves other modes than it found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from steadynorm.source.symbolic.blocks import Nested, Node, nested
from steadynorm.source.symbolic.flow import inside
from steadynorm.source.symbolic.trace import Assign, Branch, Call, Callback, Frame, Loop, Run, With
from steadynorm.source.symbolic.values import (
    Attribute,
    Bound,
    Choice,
    Expression,
    Function,
    Instance,
    Known,
    Parameter,
    Product,
    Value,
)
from steadynorm.source.torch.models import Key, Models, is_norm
from steadynorm.source.torch.selection import Selected, selected
from steadynorm.source.torch.state import Entry, Fact, Observation, Spot, State
from steadynorm.source.torch.trained_by import trained_model
from steadynorm.source.torch.words import HUB, is_of_torchvision, zoo_name

IGNITE = "ignite.engine.Engine"
ENGINES = (IGNITE, "ignite.engine.engine.Engine")
_UNKNOWN_MODE = ("torch.load", "torch.jit.load", "copy.copy")
_MOST_VISITS = 60_000


class Modes:
    """The modes in one run.

    Arguments:
        run: the run.
        models: its models.
        interest: what of a call is asked for: the key of a layer or model, `None` if nothing.
        before: the modes that it begins with.
    """

    def __init__(
        self, run: Run, models: Models, interest: Callable[[Call], Key | None], before: State | None = None
    ) -> None:
        self._models, self._interest = models, interest
        self.observations: list[Observation] = []
        self.state = State() if before is None else before.copy()
        self._stamp = self._visits = 0
        self._later = self._free = False
        self._saved: dict[int, frozenset[Fact]] = {}
        self._engines: list[Nested] = []
        self._followed: dict[object, list[Nested]] = {}
        self._again: set[object] = set()
        self.undone_by_frameworks: list[tuple[Call, Call, bool]] = []
        self.kind = run.kind
        self._fits = run.kind == "class" or any(call.name in (".fit", ".tune") for call in run.calls())
        nodes = nested(run.events)
        self._reads = _reads(run)
        self._stacks = _stacks(run)
        hooks = [node for node in nodes if isinstance(node, Nested) and _is_hook(node)]
        self.replay([node for node in nodes if not _is_hook(node)])
        self._fit([node for node in hooks if _of_lightning(node)])
        self._ask_free([node for node in hooks if not _of_lightning(node)])

    def _ask_free(self, hooks: list[Nested]) -> None:
        """Methods that somebody unknown calls: each from the state that the run ends with."""
        begin = self.state
        self._free = True
        for node in hooks:
            self.state = begin.copy()
            self.replay(node.inside)
        self.state, self._free = begin, False

    def _fit(self, hooks: list[Nested]) -> None:
        """What Lightning's trainer does: it sets the modes of the whole module itself, and calls the hooks."""
        by_name: dict[str, list[Nested]] = {}
        for node in hooks:
            assert isinstance(node.block, Callback)
            by_name.setdefault(str(node.block.argument), []).append(node)
        if not self._fits or not by_name.keys() & set(_FIT_HOOKS):
            self._ask_free(hooks)
            return
        self._begin_fit()
        self._call_hooks(by_name, _BEGIN_HOOKS)
        for later in (False, True):
            self._later = later
            self._call_hooks(by_name, _FIT_HOOKS)
        self._later = False
        self._ask_free([node for name, nodes in by_name.items() if name not in _FIT_HOOKS for node in nodes])

    def _call_hooks(self, by_name: dict[str, list[Nested]], names: tuple[str, ...]) -> None:
        for name in names:
            for node in by_name.get(name, ()):
                self.replay(node.inside)

    def _begin_fit(self) -> None:
        """`fit` puts the module into training mode: all of it before version 2.2, from then on what was not frozen."""
        for spot, entry in list(self.state.entries.items()):
            frozen = [fact.by for fact in entry.facts if fact.training is False and fact.by is not None]
            module = next((each for each in self._models.ancestors(spot[0]) if self._is_lightning(each)), None)
            if module is None or not frozen or self._trains_itself(module):
                continue
            if spot[0] != module or spot[1]:
                self.undone_by_frameworks.append((frozen[0], frozen[0], True))
                self.state.undone[spot] = frozen[0], frozen[0]
            del self.state.entries[spot]

    def _is_lightning(self, key: Key) -> bool:
        value = self._models.value(key)
        return isinstance(value, Instance) and any(base.startswith("lightning.") for base in value.of.external_bases())

    def _trains_itself(self, key: Key) -> bool:
        """Whether a model's class has its own way to switch modes."""
        value = self._models.value(key)
        return isinstance(value, Instance) and value.of.member("train") is not None

    def _train_by_trainer(self, call: Call) -> None:
        """`transformers.Trainer.train` calls `train()` of the model in every step."""
        key = self._models.key(trained_model(call))
        if key is None or self._trains_itself(key):
            return
        for spot, entry in self.state.entries.items():
            frozen = [fact.by for fact in entry.facts if fact.training is False and fact.by is not None]
            if frozen and spot != (key, False) and self._models.is_within(spot[0], key):
                self.undone_by_frameworks.append((frozen[0], call, False))

    # What is asked

    def facts(self, key: Key, norm: bool = True) -> frozenset[Fact]:
        """The modes that a model or part may have now."""
        best: Entry | None = None
        for each in self._models.ancestors(key):
            for spot in ((each, False), (each, True)) if norm else ((each, False),):
                entry = self.state.entries.get(spot)
                if entry is not None and (best is None or entry.stamp > best.stamp):
                    best = entry
        return frozenset({Fact(self._initial(key))}) if best is None else best.facts

    def _initial(self, key: Key) -> bool | None:
        for each in self._models.ancestors(key):
            value = self._models.value(each)
            if isinstance(value, Parameter):
                return None
            if isinstance(value, Instance) and value.created is None and self.kind == "class":
                return None
            if isinstance(value, Product):
                name = value.call.name
                if name.startswith(_UNKNOWN_MODE) or (name == HUB and not is_of_torchvision(value.call)):
                    return None
                if name.startswith("transformers.") and "from_pretrained" in name:
                    return False
        return True

    def undone(self, key: Key) -> tuple[Call, Call] | None:
        """What froze a part by inference mode, and what undid that; `None` if nothing of the kind happened."""
        for each in self._models.ancestors(key):
            for spot in ((each, False), (each, True)):
                if spot in self.state.undone:
                    return self.state.undone[spot]
        value = self._models.value(key)
        if isinstance(value, Product) and zoo_name(value.call) is not None:
            # Its parts are not called one by one.
            for spot, pair in self.state.undone.items():
                if self._models.is_within(spot[0], key) and self._trains(self.facts(*spot)):
                    return pair
        return None

    def still(self, key: Key) -> frozenset[Key]:
        """The parts of a model that may be in inference mode, set for them and not for the whole model."""
        return frozenset(
            spot[0]
            for spot, entry in self.state.entries.items()
            if spot[0] != key and self._models.is_within(spot[0], key) and not self._trains(entry.facts)
        )

    @staticmethod
    def _trains(facts: frozenset[Fact]) -> bool:
        return {fact.training for fact in facts} == {True}

    # What happens

    def replay(self, nodes: Sequence[Node]) -> None:
        """Runs nodes from the present state."""
        position = 0
        previous: Nested | None = None
        # What is called on one of several objects, as on a model that is wrapped or not, is called on all of them.
        while position < len(nodes) and self._visits < _MOST_VISITS:
            node = nodes[position]
            position += 1
            if not isinstance(node, Nested):
                self._visit(node)
                continue
            block = node.block
            if isinstance(block, Branch) and not isinstance(block.test, Choice):
                position = self._branch(nodes, position - 1)
            elif isinstance(block, Loop):
                self._loop(node, again=previous is not None and _is_same_loop(previous, node))
                previous = node
            else:
                if isinstance(block, Callback) and block.call is not None and block.call.name.startswith(ENGINES):
                    self._engines.append(node)
                if isinstance(block, Frame):
                    self._followed.setdefault(block.function.node, []).append(node)
                self.replay(node.inside)

    def _branch(self, nodes: Sequence[Node], position: int) -> int:
        """Runs the arms of one condition; gives the position behind them."""
        first = nodes[position]
        assert isinstance(first, Nested)
        second = nodes[position + 1] if position + 1 < len(nodes) else None
        if not _is_other_arm(first, second):
            before = self.state.copy()
            self.replay(first.inside)
            self.state = self._joined(before, self.state)
            return position + 1
        assert isinstance(second, Nested)
        rest = nodes[position + 2] if position + 2 < len(nodes) else None
        arms = {_branch_of(each).arm: each for each in (first, second)}
        decided = self._decide(_branch_of(first).test)
        before, after = self.state, {}
        for arm, each in arms.items():
            if decided is None or decided is arm:
                self.state = before.copy()
                self.replay(each.inside)
                after[arm] = self.state
        goes_on = isinstance(rest, Nested) and isinstance(rest.block, Branch) and _is_same_test(rest, first)
        if goes_on:
            assert isinstance(rest, Nested)
            arm = _branch_of(rest).arm
            if arm in after:
                self.state = after[arm]
                self.replay(rest.inside)
            return position + 3
        states = list(after.values())
        self.state = states[0] if len(states) == 1 else self._joined(*states)
        return position + 2

    def _loop(self, node: Nested, again: bool) -> None:
        later, self._later = self._later, self._later or again
        before = self.state.modes()
        self.replay(node.inside)
        if not again and self.state.modes() != before:
            self._later = True
            self.replay(node.inside)
        self._later = later

    def _decide(self, test: Value) -> bool | None:
        if isinstance(test, Expression) and test.operator == "Not":
            inner = self._decide(test.operands[0])
            return None if inner is None else not inner
        if isinstance(test, Attribute) and test.name == "training":
            modes = {fact.training for fact in self._of_attribute(test)}
            return modes.pop() if len(modes) == 1 else None
        return None

    def _of_attribute(self, attribute: Attribute) -> frozenset[Fact]:
        saved = self._saved.get(id(attribute))
        if saved is not None:
            return saved
        key = self._models.key(attribute.of)
        return frozenset({Fact(None)}) if key is None else self.facts(key)

    def _visit(self, event: object) -> None:
        self._visits += 1
        if not isinstance(event, Call | Assign):
            return
        for attribute in self._reads.get(event.index, ()):
            key = self._models.key(attribute.of)
            if key is not None:
                self._saved[id(attribute)] = self.facts(key)
        if isinstance(event, Assign):
            return
        self._call_again(event)
        key = self._interest(event)
        if key is not None:
            self._observe(event, key)
        if event.name in (".eval", ".train"):
            self._train_by_trainer(event)
            self._set(event)
        elif (
            event.name == ".run"
            and isinstance(event.receiver, Product)
            and event.receiver.call.name.startswith(ENGINES)
        ):
            later, self._later = self._later, True
            for node in self._engines:
                self.replay(node.inside)
            self._later = later

    def _call_again(self, call: Call) -> None:
        """What a function of the project does that the run came to before, and does not follow every time."""
        function = call.callee.function if isinstance(call.callee, Bound) else call.callee
        if not isinstance(function, Function) or function.node in self._again:
            return
        given = [call.receiver, *call.arguments, *call.keywords.values()]
        wanted = {each for value in given if (each := self._identity(value)) is not None}
        for node in reversed(self._followed.get(function.node, ())):
            assert isinstance(node.block, Frame)
            values = (node.block.receiver, *node.block.arguments.values())
            if wanted <= {self._identity(value) for value in values}:
                self._again.add(function.node)
                self.replay(node.inside)
                self._again.discard(function.node)
                return

    def _identity(self, value: Value | None) -> object:
        """By what an argument is the same as another one; `None` for what is no model, and not known."""
        return repr(value.value) if isinstance(value, Known) else self._models.key(value)

    def _observe(self, call: Call, key: Key) -> None:
        order = len(self.observations)
        entered = any(isinstance(block, With) and id(block.context) in self._stacks for block in call.within)
        facts = frozenset({Fact(None)}) if entered else self.facts(key)
        undone = self.undone(key)
        self.observations.append(Observation(order, call, facts, undone, self.still(key), self._later, self._free))

    def _set(self, call: Call) -> None:
        facts = self._wanted(call)
        for each in selected(call, self._models):
            self.apply(call, each, facts)

    def _wanted(self, call: Call) -> list[bool | None]:
        if call.name == ".eval":
            return [False]
        given = call.argument(0, "mode")
        if given is None:
            return [None if call.more else True]
        if isinstance(given, Known):
            return [bool(given.value)]
        if isinstance(given, Attribute) and given.name == "training":
            return [fact.training for fact in self._of_attribute(given)]
        return [None]

    def apply(self, call: Call, chosen: Selected, modes: Iterable[bool | None]) -> None:
        """Sets the mode of a model or of parts of it."""
        key, norms = chosen.key, chosen.norms
        facts = frozenset(Fact(mode, call, key, not norms) for mode in modes)
        trains = self._trains(facts)
        if chosen.some:
            # Which of the parts are meant is not known, so that none of them is surely set anew.
            facts |= self.facts(key)
        for spot in list(self.state.entries):
            if chosen.some or spot == (key, norms) or not self._models.is_within(spot[0], key):
                continue
            if norms and not spot[1] and not self._is_norm(spot[0]):
                continue
            entry = self.state.entries.pop(spot)
            if trains:
                self._note_undone(spot, entry, call)
        if not trains:
            for spot in list(self.state.undone):
                if self._models.is_within(spot[0], key):
                    del self.state.undone[spot]
        else:
            self._note_norms(key, norms, call)
        self._stamp += 1
        self.state.entries[key, norms] = Entry(facts, self._stamp)

    def _note_norms(self, key: Key, norms: bool, call: Call) -> None:
        """A freeze of all layers of a model is undone by the model's own switch, too."""
        entry = self.state.entries.get((key, True))
        if not norms and entry is not None:
            self.state.entries.pop((key, True))
            self._note_undone((key, True), entry, call)

    def _note_undone(self, spot: Spot, entry: Entry, call: Call) -> None:
        frozen = [fact.by for fact in entry.facts if fact.training is False and fact.by is not None]
        if frozen:
            self.state.undone[spot] = (frozen[0], call)

    def _is_norm(self, key: Key) -> bool:
        value = self._models.value(key)
        return len(key) == 1 and value is not None and is_norm(value)

    def _joined(self, *states: State) -> State:
        entries: dict[Spot, Entry] = {}
        for spot in dict.fromkeys(spot for state in states for spot in state.entries):
            facts: frozenset[Fact] = frozenset()
            stamp = 0
            for state in states:
                entry = state.entries.get(spot)
                if entry is None:
                    present, self.state = self.state, state
                    facts |= self.facts(spot[0], spot[1])
                    self.state = present
                else:
                    facts |= entry.facts
                    stamp = max(stamp, entry.stamp)
            entries[spot] = Entry(facts, stamp)
        undone = {spot: pair for state in states for spot, pair in state.undone.items()}
        return State(entries, undone)


def _is_hook(node: Node) -> bool:
    """Whether it is a method of an object that is not called in the run, but by a framework or somebody unknown."""
    return (
        isinstance(node, Nested)
        and isinstance(node.block, Callback)
        and node.block.call is None
        and node.block.argument != "__init__"
    )


_BEGIN_HOOKS = ("on_fit_start", "on_train_start")
_FIT_HOOKS = (
    "on_train_epoch_start",
    "on_epoch_start",
    "on_train_batch_start",
    "training_step",
    "on_train_batch_end",
    "on_train_epoch_end",
    "training_epoch_end",
    "on_epoch_end",
)


def _of_lightning(node: Nested) -> bool:
    """Whether it is a method of a class of Lightning's: a module, or a callback."""
    first = next((each for each in node.inside if isinstance(each, Nested)), None)
    while first is not None and not isinstance(first.block, Frame):
        first = next((each for each in first.inside if isinstance(each, Nested)), None)
    receiver = first.block.receiver if first is not None and isinstance(first.block, Frame) else None
    return isinstance(receiver, Instance) and any(
        base.startswith("lightning.") for base in receiver.of.external_bases()
    )


def _reads(run: Run) -> dict[int, list[Attribute]]:
    """By the position of an event the modes that were read, to be put back later, just before it."""
    values: list[Value] = []
    positions: list[int] = []
    for event in run.events:
        if isinstance(event, Call):
            values += [*event.arguments, *event.keywords.values()] if event.name == ".train" else []
        if isinstance(event, Call | Assign):
            positions.append(event.index)
        block = getattr(event, "block", None)
        if isinstance(block, Branch):
            values.append(block.test)
    reads: dict[int, list[Attribute]] = {}
    for value in inside(*values):
        if isinstance(value, Attribute) and value.name == "training":
            following = next((position for position in positions if position >= value.read), None)
            if following is not None:
                reads.setdefault(following, []).append(value)
    return reads


def _stacks(run: Run) -> set[int]:
    """The stacks of contexts that may switch a mode, and switch it back when the stack is left."""
    return {
        id(call.receiver)
        for call in run.calls()
        if call.name == ".enter_context"
        and not any(isinstance(each, Product) and each.call.name.startswith("torch.") for each in call.arguments)
    }


def _branch_of(node: Nested) -> Branch:
    assert isinstance(node.block, Branch)
    return node.block


def _is_same_test(one: Nested, other: Nested) -> bool:
    return _branch_of(one).test is _branch_of(other).test and _branch_of(one).place == _branch_of(other).place


def _is_other_arm(first: Nested, second: Node | None) -> bool:
    return (
        isinstance(second, Nested)
        and isinstance(second.block, Branch)
        and _is_same_test(first, second)
        and _branch_of(first).arm is not second.block.arm
    )


def _is_same_loop(one: Nested, other: Nested) -> bool:
    return isinstance(one.block, Loop) and isinstance(other.block, Loop) and one.block.place == other.block.place
