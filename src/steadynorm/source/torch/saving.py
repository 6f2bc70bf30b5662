"""SN301 and SN302 in PyTorch: files that are written without the statistics, and models that are read without them."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.program import Sighting
from steadynorm.source.symbolic.expressions import ITEM
from steadynorm.source.symbolic.flow import inputs, inside
from steadynorm.source.symbolic.trace import Assign, Branch, Call
from steadynorm.source.symbolic.values import (
    Attribute,
    Comprehension,
    Expression,
    Item,
    Items,
    Known,
    Product,
    Table,
    Value,
    constant,
)
from steadynorm.source.torch.known import is_used, name_of
from steadynorm.source.torch.models import Key
from steadynorm.source.torch.program import Role, TorchProgram
from steadynorm.source.torch.sightings import receiver, seen
from steadynorm.source.torch.trained_by import is_trained_by_trainer
from steadynorm.source.torch.words import BUFFERS, PARAMETERS

_SAVES = ("torch.save", "safetensors.torch.save_file", "safetensors.torch.save", "pickle.dump", "joblib.dump")
_SAME = frozenset(
    {".detach", ".cpu", ".clone", ".cuda", ".to", ".numpy", ".half", ".float", ".contiguous", ".data", ".items"}
)
_MAKES = frozenset({"builtins.dict", "builtins.list", "builtins.tuple", "collections.OrderedDict", "copy.deepcopy"})
_STATISTICS = ("running", "running_mean", "running_var", "num_batches", "num_batches_tracked")
_NORM_WORDS = ("bn", "batchnorm", "norm")


def look_at_files(program: TorchProgram) -> Iterator[Sighting]:
    """What a run saves and loads."""
    for call in program.run.calls():
        value = call.argument(0, "obj", "tensors") if call.name in _SAVES else None
        if call.name == ".save_pretrained":
            value = call.argument(2, "state_dict")
        if value is not None:
            yield from _saved(program, call, value)
        elif call.name == ".load_state_dict":
            yield from _loaded(program, call)


def _saved(program: TorchProgram, call: Call, value: Value) -> Iterator[Sighting]:
    """Parameters that are written while buffers are not."""
    found: dict[Key, str] = {}
    complete: set[Key] = set()
    for each, how in _contents(value):
        key = program.models.key(each.call.receiver)
        if key is None:
            continue
        if each.call.name in BUFFERS and how != "filtered":
            complete.add(key)
        else:
            found.setdefault(key, how)
    for key, how in found.items():
        if any(program.models.is_within(key, other) for other in complete) or program.models.bears(key) is not True:
            continue
        if _moves(program, key):
            value_of = next(
                (each for each, _ in _contents(value) if program.models.key(each.call.receiver) == key), None
            )
            model = None if value_of is None else receiver(value_of.call)
            yield seen("SN301", call.place, name_of(program, key), how, model=model or name_of(program, key))
            return


def _contents(value: Value) -> Iterator[tuple[Product, str]]:
    """The calls that give the tensors in what is saved, and how they come into it."""
    pending: list[tuple[Value, str]] = [(value, "dict")]
    met: set[int] = set()
    for each, how in pending:
        if id(each) in met:
            continue
        met.add(id(each))
        if isinstance(each, Comprehension):
            source = _walked(each.element)
            if source is not None:
                filtered = "filtered" if source.call.name in BUFFERS and _drops_statistics(each.tests) else None
                if source.call.name in PARAMETERS or filtered is not None or source.call.name in BUFFERS:
                    yield source, filtered or ("trainable" if each.tests else "comprehension")
            continue
        if isinstance(each, Product):
            call = each.call
            if call.name in PARAMETERS or call.name in BUFFERS:
                yield each, "list" if how == "list" else "dict"
            elif call.name in _MAKES or call.name in _SAME:
                inner = "list" if call.name in ("builtins.list", "builtins.tuple") else how
                pending += [(other, inner) for other in inputs(call)]
        elif isinstance(each, Table):
            pending += [(other, how) for other in each.entries.values()]
        elif isinstance(each, Items):
            pending += [(other, how) for other in each.items]
        elif isinstance(each, Expression) and each.operator == "BitOr":
            pending += [(other, how) for other in each.operands]


def _walked(element: Value) -> Product | None:
    """The call over whose parameters or buffers a comprehension goes, where it takes these themselves."""
    value = element
    while True:
        if isinstance(value, Product) and value.call.name in _SAME and value.call.receiver is not None:
            value = value.call.receiver
        elif isinstance(value, Attribute) and value.name == "data":
            value = value.of
        else:
            break
    if not isinstance(value, Item):
        return None
    while isinstance(value, Item):
        value = value.of
    if isinstance(value, Product) and value.call.name == ".items" and isinstance(value.call.receiver, Product):
        value = value.call.receiver
    if isinstance(value, Product) and value.call.name in PARAMETERS | BUFFERS:
        return value
    return None


def _drops_statistics(tests: tuple[Value, ...]) -> bool:
    """Whether a condition on names leaves the statistics out."""
    for test in tests:
        for each in inside(test):
            if isinstance(each, Expression) and each.operator == "NotIn":
                word = constant(each.operands[0])
                if isinstance(word, str) and (word in _STATISTICS or word.lower() in _NORM_WORDS):
                    return True
    return False


def _moves(program: TorchProgram, key: Key) -> bool:
    """Whether training moves statistics in a model: some layer of it is trained and not in inference mode only."""
    if is_trained_by_trainer(program.run, program.models, key):
        return True
    for group in program.groups:
        if group.role is not Role.TRAIN:
            continue
        for use in group.uses:
            part = program.interest(use)
            if part is None or not program.tracks(use) or not program.models.is_within(part, key):
                continue
            facts = [(each, fact) for each in program.facts(use) for fact in each.facts if fact.training is True]
            # Who calls a method may have switched the mode before, but not behind its own train().
            if any(fact.by is not None or not each.free for each, fact in facts):
                return True
    return False


# Reading


def _loaded(program: TorchProgram, call: Call) -> Iterator[Sighting]:
    """A model that is given weights without statistics, and asked without further training."""
    key = program.models.key(call.receiver)
    given = call.argument(0, "state_dict")
    if key is None or given is None or program.models.bears(key) is not True:
        return
    strict = call.argument(1, "strict")
    how = _lacks(program, given, call)
    if how is None or (how != "merged" and not (isinstance(strict, Known) and strict.value is False)):
        return
    if _is_asked(program, key, call):
        subject = name_of(program, key)
        yield seen("SN302", call.place, subject, how, model=receiver(call) or subject)


def _lacks(program: TorchProgram, given: Value, call: Call) -> str | None:
    """How the statistics were left out of a state; `None` if they were not, as far as is known."""
    if isinstance(given, Comprehension):
        if _drops_statistics(given.tests):
            return "filtered"
        if any(_is_of_parameters(source) for source in given.sources):
            return "parameters"
        for test in given.tests:
            for each in inside(test):
                if isinstance(each, Expression) and each.operator == "In" and _is_of_parameters(each.operands[1]):
                    return "parameters"
        return None
    if isinstance(given, Product) and given.call.name == ".state_dict":
        for other in program.run.calls():
            updates = other.name == ".update" and other.receiver is given and other.index < call.index
            if updates and other.arguments and _lacks_in_table(program, other.arguments[0]):
                return "merged"
        return None
    return "filtered" if _lacks_in_table(program, given) else None


def _lacks_in_table(program: TorchProgram, table: Value) -> bool:
    if isinstance(table, Comprehension):
        return _drops_statistics(table.tests)
    if not isinstance(table, Table):
        return False
    puts = [event for event in program.run.assigns() if event.name == ITEM and event.target is table]
    return bool(puts) and all(_leaves_out(event) for event in puts)


def _leaves_out(event: Assign) -> bool:
    """Whether an entry is made under a condition that leaves out statistics or normalization layers."""
    for block in event.within:
        if not isinstance(block, Branch):
            continue
        for each in inside(block.test):
            if isinstance(each, Expression) and each.operator in ("In", "NotIn"):
                word = constant(each.operands[0])
                named = isinstance(word, str) and (word in _STATISTICS or word.lower() in _NORM_WORDS)
                if named and (each.operator == "NotIn") is block.arm:
                    return True
    return False


def _is_of_parameters(value: Value) -> bool:
    for each in inside(value):
        if isinstance(each, Product):
            if each.call.name in PARAMETERS:
                return True
            if each.call.name in _MAKES:
                return any(_is_of_parameters(other) for other in each.call.arguments)
            if each.call.name in (".keys", ".items") and each.call.receiver is not None:
                return _is_of_parameters(each.call.receiver)
    return False


def _is_asked(program: TorchProgram, key: Key, call: Call) -> bool:
    """Whether a model is evaluated after a call and not trained."""
    asked = False
    for group in program.groups:
        same = program.models.is_within(group.root, key) or program.models.is_within(key, group.root)
        if not same or group.first.index < call.index:
            continue
        if group.role is Role.TRAIN:
            return False
        asked = asked or (group.role is Role.ASK and is_used(program, group))
    return asked
