"""Runs a trace again with the modes of the models: who is in training mode and who in inference mode, and since when.

Arms that are not decided are run one after the other from the same state and joined; a loop's body is run a second
time where the first one leaves other modes than it found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from steadynorm.source.symbolic.blocks import (
    Nested,
    Node,
    branch_of,
    is_arm_of_same_test,
    is_other_arm,
    is_same_loop,
    nested,
)
from steadynorm.source.symbolic.trace import Assign, Branch, Call, Callback, Frame, Loop, Return, Run, With
from steadynorm.source.symbolic.values import Attribute, Bound, Choice, Expression, Function, Known, Product, Value
from steadynorm.source.symbolic.vocabulary import COPIES
from steadynorm.source.torch.copied import copied_keys, is_copy
from steadynorm.source.torch.current import CurrentModes
from steadynorm.source.torch.frozen_again import frozen_in_each_step
from steadynorm.source.torch.lost import reached_by_luck, switched_by_name
from steadynorm.source.torch.made_anew import is_made_anew
from steadynorm.source.torch.models import Key, Models
from steadynorm.source.torch.put_back import reads_of_modes, stacks_of_contexts
from steadynorm.source.torch.selection import selected
from steadynorm.source.torch.state import Fact, Observation, State
from steadynorm.source.torch.trainers import (
    BEGIN_HOOKS,
    FIRST_HOOKS,
    FIT_HOOKS,
    begin_fit,
    hooks_by_name,
    is_hook,
    is_of_lightning,
    undone_by_trainer,
)
from steadynorm.source.torch.words import ENGINES

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
        self._run, self._models, self._interest = run, models, interest
        self._now = CurrentModes(models, run.kind, State() if before is None else before.copy())
        self.observations: list[Observation] = []
        self.undone_by_frameworks: list[tuple[Call, Call, bool]] = []
        """Freezes that a framework undoes: what froze, what undoes it, and whether only some versions do."""
        self._visits = 0
        self._later = self._free = False
        self._saved: dict[int, frozenset[Fact]] = {}
        self._engines: list[Nested] = []
        self._followed: dict[object, list[Nested]] = {}
        self._again: set[object] = set()
        self._returned: list[list[State]] = []
        """The modes at the places where the functions that are being run return, in an arm of a condition."""
        self._reads = reads_of_modes(run)
        self._stacks = stacks_of_contexts(run)
        nodes = nested(run.events)
        hooks = [node for node in nodes if isinstance(node, Nested) and is_hook(node)]
        self._replay([node for node in nodes if not is_hook(node)])
        fits = run.kind == "class" or any(call.name in (".fit", ".tune") for call in run.calls())
        self._fit([node for node in hooks if is_of_lightning(node)], fits)
        self._ask_free([node for node in hooks if not is_of_lightning(node)])

    @property
    def state(self) -> State:
        """The modes that the run ends with."""
        return self._now.state

    # What somebody outside of the run calls

    def _ask_free(self, hooks: list[Nested]) -> None:
        """Methods that somebody unknown calls: each from the state that the run ends with."""
        begin = self._now.state
        self._free = True
        for node in hooks:
            self._now.state = begin.copy()
            self._replay(node.inside)
        self._now.state, self._free = begin, False

    def _fit(self, hooks: list[Nested], fits: bool) -> None:
        """What Lightning's trainer does: it sets the modes of the whole module itself, and calls the hooks."""
        by_name = hooks_by_name(hooks)
        if not fits or not by_name.keys() & set(FIT_HOOKS):
            self._ask_free(hooks)
            return
        self._call_hooks(by_name, FIRST_HOOKS)
        undone = begin_fit(self._now.state, self._models, self._run.instances)
        self._call_hooks(by_name, BEGIN_HOOKS)
        for later in (False, True):
            self._later = later
            self._call_hooks(by_name, FIT_HOOKS)
        self._later = False
        # What a hook or the module's own forward() freezes again stays frozen.
        self.undone_by_frameworks += [
            (frozen, frozen, True)
            for key, frozen in undone
            if not self._now.is_switched_off(key) and not self._is_anew(key)
        ]
        self._ask_free([node for name, nodes in by_name.items() if name not in FIT_HOOKS for node in nodes])

    def _call_hooks(self, by_name: dict[str, list[Nested]], names: tuple[str, ...]) -> None:
        for name in names:
            for node in by_name.get(name, ()):
                self._replay(node.inside)

    # Blocks

    def _replay(self, nodes: Sequence[Node]) -> None:
        """Runs nodes from the present state."""
        position = 0
        previous: Nested | None = None
        # What is called on one of several objects, as on a model that is wrapped or not, is called on all of them.
        while position < len(nodes) and self._visits < _MOST_VISITS:
            node = nodes[position]
            position += 1
            if type(node) is not Nested:
                self._visit(node)
                continue
            block = node.block
            if type(block) is Branch and type(block.test) is not Choice:
                position = self._branch(nodes, position - 1)
            elif type(block) is Loop:
                self._loop(node, again=previous is not None and is_same_loop(previous, node))
                previous = node
            else:
                if type(block) is Callback and block.call is not None and block.call.name.startswith(ENGINES):
                    self._engines.append(node)
                if type(block) is Frame:
                    self._followed.setdefault(block.function.node, []).append(node)
                    self._run_function(node)
                else:
                    self._replay(node.inside)

    def _run_function(self, node: Nested) -> None:
        """Runs a function, whose caller goes on from any of the places that it returns at."""
        self._returned.append([])
        self._replay(node.inside)
        returned = self._returned.pop()
        if returned:
            self._now.join(*returned, self._now.state)

    def _branch(self, nodes: Sequence[Node], position: int) -> int:
        """Runs the arms of one condition; gives the position behind them."""
        first = nodes[position]
        assert isinstance(first, Nested)
        second = nodes[position + 1] if position + 1 < len(nodes) else None
        if not is_other_arm(first, second):
            before = self._now.state.copy()
            self._replay(first.inside)
            self._now.join(before, self._now.state)
            return position + 1
        assert isinstance(second, Nested)
        rest = nodes[position + 2] if position + 2 < len(nodes) else None
        arms = {branch_of(each).arm: each for each in (first, second)}
        decided = self._decide(branch_of(first).test)
        before, after = self._now.state, {}
        for arm, each in arms.items():
            if decided is None or decided is arm:
                self._now.state = before.copy()
                self._replay(each.inside)
                after[arm] = self._now.state
        if isinstance(rest, Nested) and is_arm_of_same_test(first, rest):
            # The rest of the block, behind an arm that leaves it.
            arm = branch_of(rest).arm
            if arm in after:
                self._now.state = after[arm]
                self._replay(rest.inside)
            return position + 3
        states = list(after.values())
        if len(states) == 1:
            self._now.state = states[0]
        else:
            self._now.join(*states)
        return position + 2

    def _loop(self, node: Nested, again: bool) -> None:
        later, self._later = self._later, self._later or again
        before = self._now.state.modes()
        self._replay(node.inside)
        if not again and self._now.state.modes() != before:
            self._later = True
            self._replay(node.inside)
        self._later = later

    def _decide(self, test: Value) -> bool | None:
        """Whether a condition that asks for a mode holds now; `None` if that is not known."""
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
        return frozenset({Fact(None)}) if key is None else self._now.facts(key)

    # Events

    def _visit(self, event: object) -> None:
        self._visits += 1
        if type(event) is Return and self._returned and _is_in_arm(event):
            self._returned[-1].append(self._now.state.copy())
        if type(event) is not Call and type(event) is not Assign:
            return
        for attribute in self._reads.get(event.index, ()):
            key = self._models.key(attribute.of)
            if key is not None:
                self._saved[id(attribute)] = self._now.facts(key)
        if type(event) is not Call:
            return
        self._call_again(event)
        if self._later and is_made_anew(event, self._models):
            self._now.renew(event.result)
        key = self._interest(event)
        if key is not None:
            self._observe(event, key)
        if event.name in (".eval", ".train"):
            undone = undone_by_trainer(event, self._now.state, self._models)
            self.undone_by_frameworks += [(frozen, event, False) for key, frozen in undone if not self._is_anew(key)]
            wanted = self._wanted(event)
            for each in selected(event, self._models):
                self._now.apply(event, each, wanted)
            for part in reached_by_luck(event, self._models):
                self._now.lose(event, part, wanted)
        elif event.name == ".run":
            self._run_engines(event.receiver)
        elif is_copy(event):
            self._copy(event)
        for part in switched_by_name(event, self._models):
            self._now.lose(event, part, [None])

    def _copy(self, call: Call) -> None:
        """A deep copy has the modes of the original; an average is in training mode, with such a copy inside."""
        copied = copied_keys(call, self._models)
        if call.name in COPIES:
            self._now.carry(copied)
            return
        for original, copy in copied.items():
            self._now.lose(call, copy, [fact.training for fact in self._now.facts(original)])

    def _is_anew(self, key: Key) -> bool:
        """Whether a part is frozen again in every step."""
        return any(self._models.is_within(key, each) for each in self._frozen_anew)

    @cached_property
    def _frozen_anew(self) -> frozenset[Key]:
        return frozen_in_each_step(self._run, self._models)

    def _run_engines(self, receiver: Value | None) -> None:
        """Ignite's engines run their steps when they are told to, not where they are made."""
        if not isinstance(receiver, Product) or not receiver.call.name.startswith(ENGINES):
            return
        later, self._later = self._later, True
        for node in self._engines:
            self._replay(node.inside)
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
                self._run_function(node)
                self._again.discard(function.node)
                return

    def _identity(self, value: Value | None) -> object:
        """By what an argument is the same as another one; `None` for what is no model, and not known."""
        return repr(value.value) if isinstance(value, Known) else self._models.key(value)

    def _observe(self, call: Call, key: Key) -> None:
        order = len(self.observations)
        entered = any(isinstance(block, With) and id(block.context) in self._stacks for block in call.within)
        facts = frozenset({Fact(None)}) if entered else self._now.facts(key)
        undone, still = self._now.undone(key), self._now.still(key)
        self.observations.append(Observation(order, call, facts, undone, still, self._later, self._free))

    def _wanted(self, call: Call) -> list[bool | None]:
        """The modes that `eval()` or `train(mode)` may set; `None` is one that is not known."""
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


def _is_in_arm(event: Return) -> bool:
    """Whether a function returns in an arm of a condition, so that it may go on to another place."""
    if event.frame not in event.within:
        return False
    return any(type(block) is Branch for block in event.within[event.within.index(event.frame) :])
