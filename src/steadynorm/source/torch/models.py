"""The models of a run: which values are models or parts of them, what holds what, and what normalizes by the batch.

A model or part is known by its key: the identity of the value that it starts from, with the names that lead on from
there, as `(id(resnet), "layer1")` for `resnet.layer1`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from steadynorm.source.symbolic.containers import layers_of
from steadynorm.source.symbolic.trace import Assign, Call, Run
from steadynorm.source.symbolic.values import (
    Attribute,
    Choice,
    Comprehension,
    Instance,
    Item,
    Items,
    Known,
    Parameter,
    Product,
    Super,
    Table,
    Value,
    constant,
    constant_bool,
    constant_text,
)
from steadynorm.source.symbolic.vocabulary import COPIES, LISTS, SEQUENCES, SPREAD_BASES, TABLES, WRAPPERS
from steadynorm.source.torch.naming import is_built_by_name
from steadynorm.source.torch.words import DISTRIBUTED, NORMS, PARALLEL, is_pretrained, normalizes, zoo_name

Key: TypeAlias = tuple[int | str, ...]

AVERAGED = "torch.optim.swa_utils.AveragedModel"
SYNCHRONIZES = frozenset(
    {
        "torch.nn.SyncBatchNorm.convert_sync_batchnorm",
        "apex.parallel.convert_syncbn_model",
        "torch.nn.SyncBatchNorm",
        "apex.parallel.SyncBatchNorm",
    }
)
_CONVERTS = "steadynorm.torch.convert"
_HOLDERS = SEQUENCES | LISTS | TABLES | WRAPPERS | PARALLEL | DISTRIBUTED
_MOST_PARTS = 5_000
_ACCESSORS = {".get_classifier": "classifier"}
"""Methods of published models that give a part of them."""


def is_module(value: Value) -> bool:
    """Whether a value is an object of a project's class that PyTorch knows as a model."""
    return isinstance(value, Instance) and any(base.startswith(SPREAD_BASES) for base in value.of.external_bases())


class Models:
    """The models of one run.

    Arguments:
        runs: the run, before it the one whose objects it goes on with.
    """

    def __init__(self, *runs: Run) -> None:
        self._values: dict[int, Value] = {}
        self._owners: dict[Key, set[Key]] = defaultdict(set)
        self._parts: dict[Key, list[Key]] = defaultdict(list)
        self._ancestors: dict[Key, frozenset[Key]] = {}
        self._linked: set[int] = set()
        self._altered: set[Key] = set()
        self._reassigned: set[Key] = set()
        self._synchronized: set[Key | None] = set()
        self._copied: dict[Key, Call] = {}
        for event in (event for run in runs for event in run.events):
            if type(event) is Assign:
                if event.name == "train":
                    self._reassign(event.target)
                if type(event.target) is not Instance or is_module(event.target):
                    self._own(self.key(event.target), event.name, event.value)
            elif type(event) is Call and event.result is not None:
                if event.name in _HOLDERS and isinstance(event.result, Product):
                    self._link(event.result)
                elif event.name == "builtins.setattr" and event.arguments:
                    self._alter(event.arguments[0])
                elif event.name in COPIES:
                    key = self.key(event.result)
                    if key is not None:
                        self._copied[key] = event
                elif event.name == _CONVERTS and _asks_for_synchronization(event):
                    self._synchronized.add(self.key(event.argument(0, "model")))
                elif event.name in (".add_module", ".register_module") and event.receiver is not None:
                    name = constant_text(event.argument(0, "name"))
                    layer = event.argument(1, "module")
                    if layer is not None:
                        self._own(self.key(event.receiver), "[]" if name is None else name, layer)
        for instance in (instance for run in runs for instance in run.instances):
            self._link(instance)

    def key(self, value: Value | None) -> Key | None:
        """The key of a model or part; `None` for what can be none."""
        names: list[str] = []
        while True:
            if type(value) is Super:
                value = value.instance
            elif type(value) is Attribute:
                names.append(value.name)
                value = value.of
            elif type(value) is Item:
                key = constant(value.key)
                names.append("[]" if key is None else f"[{key}]")
                value = value.of
            elif type(value) is Product and value.call.receiver is not None and (part := _part_given(value.call)):
                names += reversed(part.split("."))
                value = value.call.receiver
            else:
                break
        if not isinstance(value, Instance | Product | Parameter):
            return None
        if id(value) not in self._values:
            self._values[id(value)] = value
            if isinstance(value, Instance | Product):
                self._link(value)
        return (id(value), *reversed(names))

    def value(self, key: Key) -> Value | None:
        """The value that a key starts from."""
        return self._values.get(key[0]) if isinstance(key[0], int) else None

    def made_by(self, key: Key) -> Call | None:
        """The call that made a model, or the one that it is in; the copying of it, where it is a copy."""
        for each in self.ancestors(key) if self._copied else ():
            if each in self._copied:
                return self._copied[each]
        value = self.value(key)
        if isinstance(value, Instance):
            return value.created
        return value.call if isinstance(value, Product) else None

    def _link(self, value: Value) -> None:
        """Notes what a model or container holds."""
        if id(value) in self._linked:
            return
        self._linked.add(id(value))
        self._values[id(value)] = value
        here: Key = (id(value),)
        if isinstance(value, Instance):
            if is_module(value):
                for name, part in value.attributes.items():
                    self._own(here, name, part)
                for part in layers_of(value):
                    self._hold(here, part)
        elif isinstance(value, Product) and value.call.name in _HOLDERS:
            for part in layers_of(value.call):
                for each in _spread(part):
                    self._hold(here, each)

    def _hold(self, owner: Key, part: Value) -> None:
        if isinstance(part, Choice):
            for each in part.options:
                self._hold(owner, each)
        elif isinstance(part, Instance | Product | Attribute | Item):
            key = self.key(part)
            if key is not None and key != owner:
                self._owners[key].add(owner)
                self._parts[owner].append(key)

    def _alter(self, target: Value) -> None:
        """Notes that a layer of a model, nobody knows which, is replaced."""
        inner = target
        while isinstance(inner, Item | Attribute):
            inner = inner.of
        if isinstance(inner, Product) and inner.call.name.startswith((".named_", ".children", ".modules")):
            inner = inner.call.receiver or inner
        key = self.key(inner)
        if key is not None:
            self._altered.add(key)

    def _reassign(self, target: Value) -> None:
        """Notes that an object's own `train` is replaced, as by a function that does nothing."""
        for each in target.options if isinstance(target, Choice) else (target,):
            key = self.key(each)
            if key is not None:
                self._reassigned.add(key)

    def is_reassigned(self, key: Key) -> bool:
        """Whether `train` of an object is another function than its class has, which `eval()` calls, too."""
        return key in self._reassigned

    def keeps_mode(self, part: Key, whole: Key) -> bool:
        """Whether something between a model and a part of it, these two among them, is given another `train`, so that
        the part may keep its mode when the model's is set."""
        return any(self.is_reassigned(each) and self.is_within(each, whole) for each in self.ancestors(part))

    def is_shielded(self, part: Key, whole: Key) -> bool:
        """Whether the part may keep its mode, or something between these two, both among them, overrides `train`: what
        that does is not in the run where a framework calls it."""
        overrides = (each for each in self.ancestors(part) if self._overrides(each) and self.is_within(each, whole))
        return self.keeps_mode(part, whole) or any(overrides)

    def _overrides(self, key: Key) -> bool:
        value = self.value(key) if len(key) == 1 else None
        return isinstance(value, Instance) and value.of.member("train") is not None

    def is_altered(self, key: Key) -> bool:
        """Whether layers in a model are replaced, so that nobody knows what it has."""
        if not self._altered:
            return False
        return bool(self._altered & self.ancestors(key)) or any(part in self._altered for part in self.parts(key))

    def _own(self, owner: Key | None, name: str, part: Value) -> None:
        if owner is None or name.startswith("("):
            return
        if isinstance(part, Instance | Product | Choice | Attribute | Item):
            self._hold(owner, part)

    def owners(self, key: Key) -> Iterator[Key]:
        """What holds a part directly."""
        if len(key) > 1:
            yield key[:-1]
        yield from self._owners.get(key, ())

    def ancestors(self, key: Key) -> frozenset[Key]:
        """All that holds a part, itself among them."""
        known = self._ancestors.get(key)
        if known is None:
            known = self._ancestors[key] = frozenset(_reach(key, self.owners))
        return known

    def is_within(self, part: Key, whole: Key) -> bool:
        """Whether a part belongs to a model, or is it."""
        return whole in self.ancestors(part)

    def parts(self, key: Key) -> Iterator[Key]:
        """A model with all its parts that are known."""
        yield from _reach(key, lambda each: self._parts.get(each, ()))

    def of_lightning(self) -> list[Instance]:
        """The modules of Lightning's."""
        return [
            value
            for value in self._values.values()
            if isinstance(value, Instance)
            and any(base.endswith("LightningModule") for base in value.of.external_bases())
        ]

    def bears(self, key: Key) -> bool | None:
        """Whether there is a layer in it that normalizes by the batch and keeps statistics; `None` if nobody knows."""
        unknown = False
        if self.is_altered(key):
            return None
        for part in self.parts(key):
            value = self.value(part)
            if isinstance(value, Product) and value.call.name == AVERAGED:
                # It is a copy of the model that it was given.
                original = self.key(value.call.argument(0, "model"))
                return None if original is None else self.bears(original)
            if isinstance(value, Product) and is_norm(value) and keeps_statistics(value.call):
                return True
            found = self._published(part)
            if found:
                return True
            unknown = unknown or found is None
        return None if unknown else False

    def _published(self, part: Key) -> bool | None:
        value = self.value(part)
        if not isinstance(value, Product) or zoo_name(value.call) is None:
            if isinstance(value, Product):
                name = value.call.name
                return False if name.startswith("torch.nn.") or name in _HOLDERS else None
            return False if len(part) == 1 and is_module(value) and _own_forward(value) else None  # type: ignore[arg-type]
        if len(part) > 1 and part[-1] in ("fc", "classifier", "head", "heads"):
            return False
        if part[1:] == ("conv1",) and "resne" in (zoo_name(value.call) or ""):
            # In other families it is a block with a normalization layer of its own.
            return False
        return normalizes(value.call)

    def is_loaded(self, key: Key) -> bool:
        """Whether a published model in it comes with weights."""
        return any(
            isinstance(value := self.value(part), Product)
            and (zoo_name(value.call) is not None or is_built_by_name(value.call))
            and is_pretrained(value.call) is True
            for part in self.parts(key)
        )

    def is_synchronized(self, key: Key) -> bool:
        """Whether its layers share their statistics between replicas."""
        around = self.ancestors(key) | set(self.parts(key))
        made = [value.call for part in around if isinstance(value := self.value(part), Product)]
        return bool(around & self._synchronized) or any(
            call.name in SYNCHRONIZES or _asks_for_synchronization(call) for call in made
        )


def _asks_for_synchronization(call: Call) -> bool:
    """Whether a layer of steadynorm's is made, or those of a model are made, to be synchronized."""
    return constant_bool(call.keywords.get("synchronized")) is True


def _part_given(call: Call) -> str | None:
    """The name of the part of a model that a call gives; `None` for other calls."""
    if call.name == ".get_submodule":
        return constant_text(call.argument(0, "target")) or None
    return _ACCESSORS.get(call.name)


def _own_forward(value: Instance) -> bool:
    return value.of.member("forward") is not None or bool(layers_of(value))


def _reach(start: Key, step: Callable[[Key], Iterable[Key]]) -> Iterator[Key]:
    """A key and all that steps lead to from it, each once, nearest first."""
    found, order = {start}, [start]
    for each in order:
        yield each
        for following in step(each):
            if following not in found and len(found) < _MOST_PARTS:
                found.add(following)
                order.append(following)


def _spread(value: Value) -> tuple[Value, ...]:
    if isinstance(value, Items):
        return value.items
    if isinstance(value, Table):
        return tuple(value.entries.values())
    if isinstance(value, Comprehension):
        return (value.element,)
    whole = _whole(value)
    if whole is not None:
        return (whole,)
    if isinstance(value, Product) and value.call.name == "collections.OrderedDict" and not value.call.arguments:
        return tuple(value.call.keywords.values())
    if isinstance(value, Product) and value.call.name == "collections.OrderedDict":
        return tuple(pair.items[1] for each in value.call.arguments for pair in _spread(each) if _is_pair(pair))  # type: ignore[attr-defined]
    return (value,)


def _whole(value: Value) -> Value | None:
    """The model whose children are in a list, as in `nn.Sequential(*list(model.children())[:-1])`."""
    while isinstance(value, Item):
        value = value.of
    while (
        isinstance(value, Product) and value.call.name in ("builtins.list", "builtins.tuple") and value.call.arguments
    ):
        value = value.call.arguments[0]
        while isinstance(value, Item):
            value = value.of
    if isinstance(value, Product) and value.call.name in (".children", ".named_children", ".values"):
        return value.call.receiver
    return None


def _is_pair(value: Value) -> bool:
    return isinstance(value, Items) and len(value.items) == 2


def is_norm(value: Value) -> bool:
    """Whether a value is a layer that normalizes by the batch."""
    return type(value) is Product and value.call.name in NORMS


def keeps_statistics(call: Call) -> bool:
    """Whether a normalization layer that a call makes keeps statistics, as far as is known."""
    tracks = call.argument(4, "track_running_stats")
    return not (isinstance(tracks, Known) and tracks.value is False)
