"""SN305 in PyTorch: averages and copies of a model's parameters that leave its statistics behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.symbolic.expressions import ITEM
from steadynorm.source.symbolic.flow import behind, inside
from steadynorm.source.symbolic.trace import Assign, Block, Call, Frame, Loop
from steadynorm.source.symbolic.values import Attribute, Instance, Item, Known, Product, Value
from steadynorm.source.torch.entrance import entrance
from steadynorm.source.torch.known import name_of
from steadynorm.source.torch.made_up import is_made_up
from steadynorm.source.torch.models import AVERAGED, Key
from steadynorm.source.torch.program import Group, Role, TorchProgram
from steadynorm.source.torch.sightings import receiver, seen
from steadynorm.source.torch.words import BUFFERS, PARAMETERS

IN_PLACE = frozenset({".copy_", ".lerp_", ".mul_", ".add_", ".fill_", ".set_", ".sub_"})
_SAVES = ("torch.save",)
_SETTLE = "the metric with the averaged weights before and after torch.optim.swa_utils.update_bn"


@dataclass(frozen=True, slots=True)
class Write:
    """A statement that sets parameters of a model from another one's.

    Arguments:
        place: of the statement.
        target: the model.
        index: its position in the trace.
        within: the blocks around it.
        how: `average` or `copy`.
    """

    place: Place
    target: Key
    index: int
    within: tuple[Block, ...]
    how: str


def look_at_averages(program: TorchProgram) -> Iterator[Sighting]:
    """What a run averages or copies parameter by parameter."""
    told: set[Key] = set()
    for write in sorted(writes(program), key=lambda each: each.index):
        if write.target in told or program.models.bears(write.target) is not True:
            continue
        if _has_statistics(program, write.target, write) or not reads_statistics(program, write.target):
            continue
        told.add(write.target)
        subject = _written(program, write.target) or name_of(program, write.target)
        yield seen("SN305", write.place, subject, write.how)
    yield from _averaged_models(program)
    yield from _shadows(program)
    yield from _in_callbacks(program)


def _written(program: TorchProgram, key: Key) -> str | None:
    """What the model is called where its parameters are averaged."""
    calls = (
        call for call in program.run.calls() if call.name in PARAMETERS and program.models.key(call.receiver) == key
    )
    return next((text for call in reversed(list(calls)) if (text := receiver(call)) is not None), None)


def writes(program: TorchProgram) -> Iterator[Write]:
    """What a run writes into models, parameter by parameter."""
    for event in program.run.events:
        if type(event) is Call and event.name in IN_PLACE and event.receiver is not None:
            target, sources = event.receiver, (*event.arguments, *event.keywords.values())
        elif type(event) is Assign and event.name == "data":
            target, sources = event.target, (event.value,)
        else:
            continue
        if not isinstance(event, Call) or event.name != ".mul_":
            yield from _write(program, event, target, sources)


def _write(program: TorchProgram, event: Call | Assign, target: Value, sources: tuple[Value, ...]) -> Iterator[Write]:
    key = _owner(program, target)
    if key is None:
        return
    others = {other for source in sources for other in _owners(program, source)} - {key}
    if others:
        own = any(key in _owners(program, source) for source in sources)
        chained = isinstance(event, Call) and event.name in (".add_", ".lerp_")
        yield Write(event.place, key, event.index, event.within, "average" if own or chained else "copy")


def _owner(program: TorchProgram, value: Value) -> Key | None:
    """The model one of whose parameters a value is."""
    while True:
        if isinstance(value, Attribute) and value.name == "data":
            value = value.of
        elif isinstance(value, Product) and value.call.name in (*IN_PLACE, ".detach") and value.call.receiver:
            value = value.call.receiver
        else:
            break
    return _of_item(program, value) if isinstance(value, Item) else None


def _owners(program: TorchProgram, value: Value) -> set[Key]:
    found = set()
    for each in behind(value):
        if isinstance(each, Item):
            key = _of_item(program, each)
            if key is not None:
                found.add(key)
    return found


def _of_item(program: TorchProgram, value: Item) -> Key | None:
    """The model whose parameter an item of a loop is."""
    chain: list[Item] = []
    inner: Value = value
    while isinstance(inner, Item):
        chain.append(inner)
        inner = inner.of
    if not isinstance(inner, Product):
        return None
    call = inner.call
    if call.name == "builtins.enumerate" and call.arguments and len(chain) > 1:
        # enumerate(...)[None][1] is an item of its argument.
        inner, chain = call.arguments[0], chain[:-2]
        if not isinstance(inner, Product):
            return None
        call = inner.call
    if call.name == "builtins.zip":
        # zip(...)[None][k] is an item of its k-th argument.
        keys = [each.key.value for each in reversed(chain) if isinstance(each.key, Known)]
        if not keys or not isinstance(keys[0], int) or keys[0] >= len(call.arguments):
            return None
        given = call.arguments[keys[0]]
        return program.models.key(given.call.receiver) if _gives(given) else None  # type: ignore[attr-defined]
    if call.name in ("builtins.dict", "builtins.list") and call.arguments and _gives(call.arguments[0]):
        return program.models.key(call.arguments[0].call.receiver)  # type: ignore[attr-defined]
    return program.models.key(call.receiver) if call.name in PARAMETERS else None


def _gives(value: Value) -> bool:
    return isinstance(value, Product) and value.call.name in PARAMETERS


def _has_statistics(program: TorchProgram, key: Key, write: Write) -> bool:
    """Whether the statistics of a model are copied, averaged or estimated anew as well."""
    for call in program.run.calls():
        if call.name.endswith("update_bn"):
            model = program.models.key(call.argument(1, "model"))
            if model is None or program.models.is_within(key, model) or program.models.is_within(model, key):
                return True
        if call.name in BUFFERS and _is_taken(program, call) and program.models.key(call.receiver) == key:
            return True
        if (
            call.name == ".load_state_dict"
            and program.models.key(call.receiver) == key
            and not _only_begins(call, write)
        ):
            return True
    return _has_its_own(program, key)


def _only_begins(load: Call, write: Write) -> bool:
    """Whether a model is given all of another one when it is made, and only its parameters in each step after that."""
    is_made = any(isinstance(each, Frame) and each.function.name.endswith("__init__") for each in load.within)
    in_loop = any(isinstance(each, Loop) for each in load.within)
    written = write.within[-2:]
    return is_made and not in_loop and not any(block in load.within for block in written if isinstance(block, Frame))


def _has_its_own(program: TorchProgram, key: Key) -> bool:
    """Whether a model is run in training mode on training data, or just so, which moves its own statistics."""
    return any(
        not each.free and each.trains
        for group in program.groups
        if group.role in (Role.TRAIN, Role.AIDE, Role.THROUGH) or group.dropped
        for use in group.uses
        if _is_of(program, group, use, key)
        for each in program.facts(use)
    )


def _is_of(program: TorchProgram, group: Group, use: Call, key: Key) -> bool:
    """Whether a layer that is run belongs to a model, also where that is one of several in the model that is called."""
    part = program.interest(use)
    return related(program, group.root, key) if part is None else program.models.is_within(part, key)


def _is_taken(program: TorchProgram, call: Call) -> bool:
    """Whether what a call gives is more than saved."""
    if call.result is None:
        return False
    takers = program.uses.of(call.result)
    return not takers or any(taker.name not in _SAVES for taker in takers)


def reads_statistics(program: TorchProgram, key: Key) -> bool:
    """Whether a model is called in inference mode."""
    for group in program.groups:
        trained = group.role in (Role.TRAIN, Role.THROUGH)
        if group.role is Role.NOTHING and (not group.dropped or any(map(is_made_up, group.given[:1]))):
            continue
        for use in group.uses:
            if not _is_of(program, group, use, key):
                continue
            for each in program.facts(use):
                # Where it helps to train another one, it was put into inference mode by itself.
                own = all(program.models.is_within(fact.target, key) for fact in each.facts if fact.by is not None)
                if not each.free and {fact.training for fact in each.facts} == {False} and (own or not trained):
                    return True
    return False


def related(program: TorchProgram, one: Key, other: Key) -> bool:
    """Whether one model is a part of the other one, or the same."""
    return program.models.is_within(one, other) or program.models.is_within(other, one)


# Averages that a library keeps


def _averaged_models(program: TorchProgram) -> Iterator[Sighting]:
    """Stochastic weight averages without new statistics."""
    for made in program.run.calls():
        if made.name != AVERAGED or made.more or made.result is None:
            continue
        buffers = made.argument(4, "use_buffers")
        own_average = made.argument(2, "avg_fn") or made.argument(3, "multi_avg_fn")
        key = program.models.key(made.result)
        if key is None or (buffers is not None and getattr(buffers, "value", None) is not False) or own_average:
            continue
        if program.models.bears(key) is not True or _has_its_own(program, key):
            continue
        update = next(
            (c for c in program.run.calls() if c.name == ".update_parameters" and c.receiver is made.result), None
        )
        new = [call for call in program.run.calls() if _estimates(call, made)]
        asked = [
            group for group in program.groups if group.first.callee is made.result and group.first.index > made.index
        ]
        if update is None or not asked:
            continue
        subject = name_of(program, key)
        if not new:
            yield seen("SN305", update.place, subject, "swa", related=(made.place,))
            continue
        early = next((group for group in asked if _is_before_all(program, group, new)), None)
        if early is not None:
            spot = entrance(program, early)
            if spot.place is not None:
                yield seen("SN305", spot.place, subject, "swa-early", related=tuple(each.place for each in new))


def _estimates(call: Call, made: Call) -> bool:
    """Whether a call estimates the statistics of an average anew."""
    return call.name.endswith("update_bn") and (call.argument(1, "model") is made.result or call.more)


def _is_before_all(program: TorchProgram, asked: Group, new: list[Call]) -> bool:
    """Whether an average is asked by its statistics, and these are estimated later, in no loop that asks it again."""
    observed = [each for use in asked.uses for each in program.facts(use) if not each.free]
    if not observed or any(fact.training is not False for each in observed for fact in each.facts):
        return False
    loops = {id(block) for block in asked.first.within if isinstance(block, Loop)}
    return all(call.index > asked.first.index and not any(id(block) in loops for block in call.within) for call in new)


def _shadows(program: TorchProgram) -> Iterator[Sighting]:
    """Averages that are kept by the names of parameters, and put into the model for its evaluation."""
    if any(call.name.endswith("update_bn") for call in program.run.calls()):
        return
    told: set[Key] = set()
    for event in program.run.assigns():
        if event.name != ITEM:
            continue
        averages = any(isinstance(each, Item) and each.of is event.target for each in inside(event.value))
        for key in _owners(program, event.value) if averages else ():
            if key in told or program.models.bears(key) is not True or not _is_put_back(program, key, event):
                continue
            if any(
                call.name in BUFFERS and program.models.key(call.receiver) == key and _is_taken(program, call)
                for call in program.run.calls()
            ):
                continue
            told.add(key)
            subject = name_of(program, key)
            yield seen("SN305", event.place, subject, "shadow", _SETTLE)


def _is_put_back(program: TorchProgram, key: Key, averaged: Assign) -> bool:
    """Whether the averages become the model's parameters, and it is evaluated with them."""
    if not reads_statistics(program, key):
        return False
    for event in program.run.assigns():
        owners = {_of_item(program, each) for each in inside(event.target) if isinstance(each, Item)}
        taken = any(isinstance(each, Item) and each.of is averaged.target for each in inside(event.value))
        if event.name == "data" and key in owners and taken:
            return True
    for call in program.run.calls():
        if call.name == ".copy_" and call.receiver is not None and key in _owners(program, call.receiver):
            given = inside(*call.arguments)
            if any(isinstance(each, Item) and each.of is averaged.target for each in given):
                return True
    return False


def _in_callbacks(program: TorchProgram) -> Iterator[Sighting]:
    """Averages that a callback of Lightning's keeps of the module that it is given."""
    made = {id(each) for each in program.run.instances}
    modules = [each for each in program.models.of_lightning() if id(each) in made]
    key = program.models.key(modules[0]) if len(modules) == 1 else None
    if key is None or program.models.bears(key) is not True:
        return
    for write in writes(program):
        holder = program.models.value(write.target)
        if not isinstance(holder, Instance) or holder is modules[0] or _has_statistics(program, write.target, write):
            continue
        kept = len(write.target) > 1 and any(each.startswith("lightning.") for each in holder.of.external_bases())
        if kept or (holder.created is modules[0].created and id(holder) not in made):
            subject = _written(program, write.target) or str(write.target[-1])
            yield seen("SN305", write.place, subject, write.how, _SETTLE)
            return
