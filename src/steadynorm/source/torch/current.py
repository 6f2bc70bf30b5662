"""The modes of a run's models at the present moment of its replay: what they may be, and what a call makes of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Instance, Parameter, Product, Value
from steadynorm.source.torch.models import Key, Models, is_norm
from steadynorm.source.torch.selection import Selected
from steadynorm.source.torch.state import Entry, Fact, Spot, State, all_train
from steadynorm.source.torch.words import HUB, is_of_torchvision, zoo_name

_UNKNOWN_MODE = ("torch.load", "torch.jit.load", "copy.copy")


class CurrentModes:
    """The modes at the present moment.

    Arguments:
        models: the models of the run.
        kind: the kind of run: the objects of a class that nobody makes come in any mode.
        state: what is set now; a replay of an arm of a condition puts another one here.
    """

    def __init__(self, models: Models, kind: str, state: State) -> None:
        self._models, self._kind = models, kind
        self.state = state
        self._stamp = 0

    # What is asked

    def facts(self, key: Key, norms: bool = True) -> frozenset[Fact]:
        """The modes that a model or part may have; with `norms` what was set for normalization layers alone counts."""
        return self._facts(self.state, key, norms)

    def _facts(self, state: State, key: Key, norms: bool) -> frozenset[Fact]:
        best: Entry | None = None
        for each in self._models.ancestors(key):
            for spot in ((each, False), (each, True)) if norms else ((each, False),):
                entry = state.entries.get(spot)
                if entry is not None and (best is None or entry.stamp > best.stamp):
                    best = entry
        return frozenset({Fact(self._initial(key))}) if best is None else best.facts

    def _initial(self, key: Key) -> bool | None:
        """The mode that a model or part comes with; `None` if that is not known."""
        for each in self._models.ancestors(key):
            value = self._models.value(each)
            if isinstance(value, Parameter):
                return None
            if isinstance(value, Instance) and value.created is None and self._kind == "class":
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
                if self._models.is_within(spot[0], key) and all_train(self.facts(*spot)):
                    return pair
        return None

    def is_switched_off(self, key: Key) -> bool:
        """Whether a call may have put a part, or its normalization layers, into inference mode."""
        return any(fact.by is not None and fact.training is not True for fact in self.facts(key))

    def still(self, key: Key) -> frozenset[Key]:
        """The parts of a model that may be in inference mode, set for them and not for the whole model."""
        return frozenset(
            spot[0]
            for spot, entry in self.state.entries.items()
            if spot[0] != key and self._models.is_within(spot[0], key) and not all_train(entry.facts)
        )

    # What happens

    def apply(self, call: Call, chosen: Selected, modes: Iterable[bool | None]) -> None:
        """Sets the mode of a model or of parts of it to one of several, of which `None` is one that is not known."""
        key, norms = chosen.key, chosen.norms
        facts = frozenset(Fact(mode, call, key, not norms) for mode in modes)
        if all_train(facts) and self._models.is_reassigned(key):
            # What the function does that stands in the place of its `train` is not known.
            facts |= {Fact(None, call, key, not norms)}
        trains = all_train(facts)
        if chosen.some:
            # Which of the parts are meant is not known, so that none of them is surely set anew.
            facts |= self.facts(key)
        else:
            self._replace(call, chosen, trains)
        if trains:
            self._undo_freeze_of_norms(key, norms, call)
        else:
            for spot in list(self.state.undone):
                if self._models.is_within(spot[0], key):
                    del self.state.undone[spot]
        self.state.entries[key, norms] = Entry(facts, self._stamp + 1)
        self._stamp += 2

    def lose(self, call: Call, key: Key, modes: Collection[bool | None]) -> None:
        """Forgets the mode of a model that may have been set to one of several, if that may be another one."""
        if {fact.training for fact in self.facts(key)} != set(modes) or self.still(key):
            self.apply(call, Selected(key), [None])

    def renew(self, made: Value | None) -> None:
        """Forgets what was set for an object, in whose place a new one is made."""
        for spots in (self.state.entries, self.state.undone):
            for spot in [each for each in spots if each[0][0] == id(made)]:
                del spots[spot]

    def carry(self, copied: Mapping[Key, Key]) -> None:
        """Gives copies the modes of what they are copies of, which a deep copy keeps.

        Arguments:
            copied: the keys of the originals, the outermost ones first, with those of their copies.
        """
        for spot in list(self.state.entries):
            if any(self._models.is_within(spot[0], copy) for copy in copied.values()):
                del self.state.entries[spot]
        for original, copy in copied.items():
            for norms in (False, True):
                facts = frozenset(_as_of_copy(fact, copied, copy) for fact in self.facts(original, norms))
                if facts != self.facts(copy, norms):
                    self.state.entries[copy, norms] = Entry(facts, self._stamp + 1)
                    self._stamp += 2

    def _replace(self, call: Call, chosen: Selected, trains: bool) -> None:
        """Takes away what was set for parts of what is set as a whole now."""
        for spot in list(self.state.entries):
            if spot == (chosen.key, chosen.norms) or not self._models.is_within(spot[0], chosen.key):
                continue
            if chosen.norms and not spot[1] and not self._is_norm(spot[0]):
                continue
            entry = self.state.entries.pop(spot)
            frozen = all(fact.training is False for fact in entry.facts)
            if frozen and self._models.keeps_mode(spot[0], chosen.key):
                # It is as if it were set anew, after the whole.
                self.state.entries[spot] = Entry(entry.facts, self._stamp + 2)
            elif trains:
                self._note_undone(spot, entry, call)

    def _undo_freeze_of_norms(self, key: Key, norms: bool, call: Call) -> None:
        """A freeze of all layers of a model is undone by the model's own switch, too."""
        entry = self.state.entries.get((key, True))
        if not norms and entry is not None:
            self.state.entries.pop((key, True))
            self._note_undone((key, True), entry, call)

    def _note_undone(self, spot: Spot, entry: Entry, call: Call) -> None:
        if entry.frozen_by is not None:
            self.state.undone[spot] = (entry.frozen_by, call)

    def _is_norm(self, key: Key) -> bool:
        value = self._models.value(key)
        return len(key) == 1 and value is not None and is_norm(value)

    def join(self, *states: State) -> None:
        """Goes on from states of which the program may have been in any."""
        entries: dict[Spot, Entry] = {}
        for spot in dict.fromkeys(spot for state in states for spot in state.entries):
            facts: frozenset[Fact] = frozenset()
            stamp = 0
            for state in states:
                entry = state.entries.get(spot)
                if entry is None:
                    facts |= self._facts(state, *spot)
                else:
                    facts |= entry.facts
                    stamp = max(stamp, entry.stamp)
            entries[spot] = Entry(facts, stamp)
        undone = {spot: pair for state in states for spot, pair in state.undone.items()}
        self.state = State(entries, undone)


def _as_of_copy(fact: Fact, copied: Mapping[Key, Key], copy: Key) -> Fact:
    """A mode of an original, as its copy has it: nothing has switched that by itself."""
    if fact.training is not False:
        return Fact(fact.training)
    return Fact(False, fact.by, copied.get(fact.target, copy), fact.whole)
