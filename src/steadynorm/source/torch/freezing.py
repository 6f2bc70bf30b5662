"""SN601 and SN603 in PyTorch: layers that are frozen by their parameters only, or by a mode that is undone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.symbolic.trace import Assign, Branch, Call, Callback, Frame, Loop
from steadynorm.source.symbolic.values import Attribute, Item, Known, Product, Value
from steadynorm.source.torch.known import name_of
from steadynorm.source.torch.models import Key
from steadynorm.source.torch.moved import is_moved
from steadynorm.source.torch.program import Role, TorchProgram, is_forward
from steadynorm.source.torch.selection import Filter, asks_for_norms, filtered, selected, whole_of
from steadynorm.source.torch.sightings import receiver, seen
from steadynorm.source.torch.state import Observation
from steadynorm.source.torch.words import PARAMETERS, zoo_name

_STATISTICS = ("track_running_stats", "running_mean", "running_var")
_TRAINED = (Role.TRAIN, Role.AIDE, Role.THROUGH)


def look_at_freezing(program: TorchProgram) -> Iterator[Sighting]:
    """What a run does to freeze layers."""
    undone = list(_undone(program))
    yield from undone
    yield from _parameters_only(program, {each.place for each in undone})


def _undone(program: TorchProgram) -> Iterator[Sighting]:
    """A freeze by `eval()` that a later `train()` of the whole model takes back."""
    asked = {
        id(fact.by)
        for group in program.groups
        if group.role is Role.ASK
        for use in group.uses
        for each in program.facts(use)
        if not each.free
        for fact in each.facts
        if fact.by is not None and fact.training is False
    }
    told: set[Place] = set()
    for group in program.groups:
        if group.role not in _TRAINED:
            continue
        for use in group.uses:
            for each in program.facts(use):
                if each.undone is None or each.free or not each.trains or not program.tracks(use):
                    continue
                frozen, by = each.undone
                if id(frozen) in asked or frozen.place in told:
                    continue
                told.add(frozen.place)
                # What undoes itself is undone by a framework, in some versions.
                yield _of(program, frozen, by, likely=frozen is by)
    for frozen, by, likely in program.undone_by_frameworks():
        if id(frozen) not in asked and frozen.place not in told:
            told.add(frozen.place)
            yield _of(program, frozen, by, likely)


def _of(program: TorchProgram, frozen: Call, by: Call, likely: bool = False) -> Sighting:
    chosen = next(iter(selected(frozen, program.models)), None)
    subject = "the frozen layers" if chosen is None else name_of(program, chosen.key)
    how = "fit" if likely else ("published" if _is_published(program, by) else "eval")
    return seen(
        "SN603",
        frozen.place,
        subject,
        how,
        "the version of Lightning: before 2.2 fit() calls train() on the whole module" if likely else None,
        (by.place,),
        frozen=f"{receiver(frozen) or subject}.eval()",
        by="fit()" if likely else f"{receiver(by) or 'the model'}.train()",
        where=str(by.place),
    )


def _is_published(program: TorchProgram, by: Call) -> bool:
    """Whether what is switched is a published model, so that there is no class in which to override `train()`."""
    values = [program.models.value(each.key) for each in selected(by, program.models)]
    return bool(values) and all(isinstance(each, Product) and zoo_name(each.call) is not None for each in values)


def _parameters_only(program: TorchProgram, undone: set[Place]) -> Iterator[Sighting]:
    """Parameters without gradients in layers that go on normalizing by the batch.

    Arguments:
        program: the run.
        undone: the calls of `eval()` that are told as undone; what is frozen beside one of them is told by that.
    """
    told: set[Place] = set()
    switches = [call for call in program.run.calls() if call.name == ".eval" and call.place in undone]
    frozen: list[tuple[Key, bool, Call | Assign]] = []
    thawed: list[tuple[Key, Call | Assign]] = []
    without: list[Key] = []
    for event in program.run.events:
        if type(event) is Assign and event.name in _STATISTICS:
            whole = whole_of(event.target, event.within)
            key_of_whole = program.models.key(event.target if whole is None else whole)
            if key_of_whole is not None and event.value in (Known(None), Known(False)):
                without.append(key_of_whole)
        if type(event) is Call or type(event) is Assign:
            for key, norms, trains in _changes(program, event):
                if trains:
                    frozen = [each for each in frozen if not program.models.is_within(each[0], key)]
                    thawed.append((key, event))
                else:
                    frozen.append((key, norms, event))
    for key, _, event in frozen:
        if event.place in told or program.models.bears(key) is False:
            continue
        beside = (switch for switch in switches if _same_function(switch, event))
        if any(
            program.models.is_within(key, each.key) for switch in beside for each in selected(switch, program.models)
        ):
            continue
        if any(program.models.is_within(key, each) for each in without):
            continue  # its layers have been told to keep no statistics
        moving = [use for use in _uses_within(program, key) if _moves(program, use, key)]
        thaws = [other for whole, other in thawed if program.models.is_within(key, whole)]
        later = [use for use in moving if not _is_over(use, event)]
        if later and not any(_is_turn(thaw, event, moving) for thaw in thaws) and not is_moved(program, key, moving):
            told.add(event.place)
            subject = name_of(program, key)
            yield seen("SN601", event.place, subject, "parameters", layers=len(later))
            # What is said of one statement of a function that freezes need not be said of the next.
            told |= {other.place for _, _, other in frozen if _same_function(other, event)}


def freezes_norms(program: TorchProgram, key: Key, before: Call) -> bool:
    """Whether normalization layers of a model, or parts that may have some, need no gradients when a call is made."""
    frozen: list[Key] = []
    for event in program.run.events:
        if event is before:
            break
        if type(event) is Call or type(event) is Assign:
            for each, _, trains in _changes(program, event):
                frozen = [other for other in frozen if not program.models.is_within(other, each)]
                frozen += [] if trains else [each]
    return any(program.models.is_within(each, key) or program.models.is_within(key, each) for each in frozen)


def _is_over(use: Call, freeze: Call | Assign) -> bool:
    """Whether a training was over when its model was frozen, as before a probe is trained on it: no loop leads back to
    it, and no framework decides which of them comes first."""
    loops = {id(block) for block in freeze.within if isinstance(block, Loop)}
    if use.index > freeze.index or any(isinstance(block, Loop) and id(block) in loops for block in use.within):
        return False
    return not any(isinstance(block, Callback) for block in (*use.within, *freeze.within))


def _is_turn(thaw: Call | Assign, freeze: Call | Assign, moving: list[Call]) -> bool:
    """Whether a model is frozen for a turn only, as a GAN's discriminator is while the generator is trained.

    Each step thaws it, trains it and freezes it again. Between a thaw that only makes a freeze start from a clean slate
    and the freeze nothing is called.
    """
    if not any(thaw.index < use.index < freeze.index for use in moving):
        return False
    shared = [block for block in thaw.within if any(block is other for other in freeze.within)]
    return any(
        isinstance(block, Loop) or (isinstance(block, Frame) and any(_is_straight(block, use) for use in moving))
        for block in shared
    )


def _is_straight(frame: Frame, use: Call) -> bool:
    """Whether a function calls a model outside of all loops but the model's own, as one step of a training does."""
    if frame not in use.within:
        return False
    inner = use.within[use.within.index(frame) + 1 :]
    way = takewhile(lambda block: not (isinstance(block, Frame) and is_forward(block)), inner)
    return not any(isinstance(block, Loop) for block in way)


def _same_function(one: Call | Assign, other: Call | Assign) -> bool:
    return one.within == other.within


def _changes(program: TorchProgram, event: Call | Assign) -> Iterator[tuple[Key, bool, bool]]:
    """What a statement freezes or thaws: the model, whether its normalization layers only, and whether it thaws."""
    if isinstance(event, Assign):
        if event.name != "requires_grad" or not isinstance(event.value, Known):
            return
        target, trains = event.target, bool(event.value.value)
    else:
        if event.name != ".requires_grad_" or event.receiver is None:
            return
        given = event.argument(0, "requires_grad")
        if given is not None and not isinstance(given, Known):
            return
        target, trains = event.receiver, given is None or bool(given.value)
    yield from _frozen(program, target, event, trains)


def _frozen(
    program: TorchProgram, target: Value, event: Call | Assign, trains: bool
) -> Iterator[tuple[Key, bool, bool]]:
    if isinstance(target, Attribute) and target.name in ("weight", "bias"):
        if target.name == "bias":
            return
        whole = whole_of(target.of, event.within)
        if whole is not None:
            key = program.models.key(whole)
            if key is not None and filtered(target.of, event.within) in (Filter.ALL, Filter.NORMS):
                yield key, True, trains
        return
    whole = whole_of(target, event.within)
    if whole is not None:
        key, chosen = program.models.key(whole), filtered(target, event.within)
        if key is not None and chosen in (Filter.ALL, Filter.NORMS):
            yield key, chosen is Filter.NORMS, trains
        return
    holder = _holder(target)
    if holder is not None:
        inner = whole_of(holder, event.within)
        key = program.models.key(holder if inner is None else inner)
        chosen = Filter.ALL if inner is None else filtered(holder, event.within)
        if key is not None and chosen not in (Filter.NONE, Filter.NAMED) and not _leaves_norms_out(event):
            yield key, chosen is Filter.NORMS, trains
        return
    if isinstance(event, Call):
        key = program.models.key(target)
        if key is not None and program.models.bears(key):
            yield key, False, trains


def _holder(value: Value) -> Value | None:
    """The model whose parameters a value goes through."""
    inner = value
    while isinstance(inner, Item):
        inner = inner.of
    if isinstance(inner, Product) and inner.call.name in PARAMETERS and inner is not value:
        return inner.call.receiver
    return None


def _leaves_norms_out(event: Call | Assign) -> bool:
    """Whether a condition on the names of parameters keeps those of normalization layers trainable."""
    for block in event.within:
        if isinstance(block, Branch):
            about = asks_for_norms(block.test)
            negated = getattr(block.test, "operator", "") in ("NotIn", "Not")
            if about and block.arm is negated:
                return True
    return False


def _uses_within(program: TorchProgram, key: Key) -> Iterator[Call]:
    for group in program.groups:
        if group.role not in _TRAINED:
            continue
        for use in group.uses:
            part = program.interest(use)
            if (part is not None and program.tracks(use) and program.models.is_within(part, key)) or (
                part is not None and len(key) > 1 and program.is_published(use) and program.models.is_within(key, part)
            ):
                yield use


def _moves(program: TorchProgram, use: Call, key: Key) -> bool:
    observed = [each for each in program.facts(use) if not each.free]
    return bool(observed) and all(
        each.trains and each.undone is None and not _is_still(program, each, key) for each in observed
    )


def _is_still(program: TorchProgram, each: Observation, key: Key) -> bool:
    """Whether what is frozen, or a part of it, may be in inference mode inside of a model in training mode."""
    models = program.models
    return any(models.is_within(part, key) or models.is_within(key, part) for part in each.still)
