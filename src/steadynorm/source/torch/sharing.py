"""SN401 and SN403 in PyTorch: one set of statistics for inputs that differ, and statistics that another step moves."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.symbolic.flow import behind
from steadynorm.source.symbolic.trace import Call, Carry
from steadynorm.source.symbolic.values import Product, Value
from steadynorm.source.torch.known import name_of
from steadynorm.source.torch.layers import layer_name
from steadynorm.source.torch.loaders import origins
from steadynorm.source.torch.models import Key, is_norm
from steadynorm.source.torch.program import Group, Role, TorchProgram
from steadynorm.source.torch.sightings import called, seen

_MADE_UP = "random"
_DIAGNOSE = "the moments of each input: steadynorm diagnose measures them"


def look_at_sharing(program: TorchProgram) -> Iterator[Sighting]:
    """Models that are called several times in one training step."""
    inference = {group.root for group in program.groups if _reads_statistics(program, group)}
    yield from _several_calls(program, inference)
    yield from _several_iterations(program, inference)
    yield from _other_steps(program, inference)


def _reads_statistics(program: TorchProgram, group: Group) -> bool:
    """Whether a call of a model normalizes by the stored statistics."""
    return any(
        not each.free and {fact.training for fact in each.facts} == {False}
        for use in group.uses
        for each in program.facts(use)
        if program.tracks(use)
    )


def _takes_batch(program: TorchProgram, group: Group) -> bool:
    """Whether a call of a model surely normalizes by batch moments and moves statistics."""
    observed = [each for use in group.uses if program.tracks(use) for each in program.facts(use) if not each.free]
    return bool(observed) and all(each.trains for each in observed)


def _several_calls(program: TorchProgram, inference: set[Key]) -> Iterator[Sighting]:
    """Calls of one model in one step, with data from different loaders, or real and made up."""
    told: set[Place] = set()
    trained = [each for each in program.groups if each.role is Role.TRAIN and _takes_batch(program, each)]
    for index, group in enumerate(trained):
        if group.root not in inference or group.place is None or group.place in told:
            continue
        for earlier in trained[:index]:
            if earlier.root != group.root or earlier.place == group.place or not _share_a_step(program, earlier, group):
                continue
            if _differ(program, earlier, group):
                told.add(group.place)
                subject = name_of(program, group.root)
                related = () if earlier.place is None else (earlier.place,)
                first, second = (_kind(program, each) for each in (earlier, group))
                yield seen("SN401", group.place, subject, "calls", _DIAGNOSE, related, first=first, second=second)
                break


def _share_a_step(program: TorchProgram, one: Group, other: Group) -> bool:
    """Whether one step of an optimizer that trains the model uses the gradients of both calls."""
    ours, theirs = (
        {id(o) for step in each.steps for o in step.optimizers if program.covers(o, each.root)} for each in (one, other)
    )
    return bool(ours & theirs)


def _differ(program: TorchProgram, one: Group, other: Group) -> bool:
    """Whether two calls are given data of different kinds: of two loaders, or made up and not.

    Data with noise added, or mixed by numbers that are made up, are data still.
    """
    ours, theirs = origins(program, *one.given[:1]), origins(program, *other.given[:1])
    loaders = {each for each in ours if isinstance(each, int)}, {each for each in theirs if isinstance(each, int)}
    if loaders[0] and loaders[1] and not loaders[0] & loaders[1]:
        return True
    if (_MADE_UP in ours) is (_MADE_UP in theirs):
        return False
    made, real = (ours, theirs) if _MADE_UP in ours else (theirs, ours)
    return bool(real) and (made == {_MADE_UP} or _networks(program, one) != _networks(program, other))


def _networks(program: TorchProgram, group: Group) -> set[object]:
    """The layers of other models that what a model is given went through."""
    models = program.models
    keys = {each: models.key(each) for each in _roots(group) if isinstance(each, Value)}
    return {each for each, key in keys.items() if key is None or not models.is_within(key, group.root)}


def _kind(program: TorchProgram, group: Group) -> str:
    """What a model is given, in a few words."""
    given = group.given[0] if group.given else None
    named = None if given is None else program.run.named.get(given)
    found = origins(program, *group.given[:1])
    made_up = _MADE_UP in found and not any(isinstance(each, int) for each in found)
    return f"'{named}'" if named else ("what a network makes" if made_up else "data")


def _several_iterations(program: TorchProgram, inference: set[Key]) -> Iterator[Sighting]:
    """A layer that is called again with what came of its own result."""
    carried = [event for event in program.run.events if type(event) is Carry]
    told: set[Place] = set()
    for group in program.groups:
        if group.role is not Role.TRAIN or group.root not in inference or not _takes_batch(program, group):
            continue
        for use in group.uses:
            if not is_norm(use.callee) or use.place in told or not program.tracks(use):
                continue
            if any(_goes_round(use, event) for event in carried) or _follows_itself(use, group):
                told.add(use.place)
                subject = layer_name(program, use)
                yield seen("SN401", use.place, subject, "iterations", _DIAGNOSE)


def _goes_round(use: Call, event: Carry) -> bool:
    """Whether a loop hands what comes of a layer to the layer again."""
    if use.within[: len(event.within)] != event.within or use.result is None:
        return False
    inputs = list(behind(*use.arguments))
    return any(value is event.before for value in inputs) and any(value is use.result for value in behind(event.after))


def _follows_itself(use: Call, group: Group) -> bool:
    """Whether a layer is given what came of an earlier call of it."""
    mine = [other for other in group.uses if other.callee is use.callee and other.index < use.index]
    results = {id(other.result) for other in mine}
    return bool(results) and any(
        isinstance(value, Product) and id(value) in results for value in behind(*use.arguments)
    )


def _other_steps(program: TorchProgram, inference: set[Key]) -> Iterator[Sighting]:
    """A model that is called in training mode where another one is trained, with other data than in its own step."""
    told: set[Place] = set()
    for group in program.groups:
        if group.role is not Role.THROUGH or group.root not in inference or group.place is None:
            continue
        if group.place in told or not program.is_trained(group.root) or not _takes_batch(program, group):
            continue
        own = [each for each in program.groups if each.role is Role.TRAIN and each.root == group.root]
        given = origins(program, *group.given)
        if not own or any(origins(program, *each.given) == given and _same_models(each, group) for each in own):
            continue
        told.add(group.place)
        subject = name_of(program, group.root)
        trained = next(
            (name_of(program, key) for o in group.steps for each in o.optimizers for key in each.covered or ()), ""
        )
        model = called(group.first) or subject
        yield seen("SN403", group.place, subject, "through", _DIAGNOSE, trained=trained, model=model)


def _same_models(one: Group, other: Group) -> bool:
    """Whether what two calls are given went through the same models before."""
    return _roots(one) == _roots(other)


def _roots(group: Group) -> set[object]:
    return {value.call.callee for value in behind(*group.given) if isinstance(value, Product) and not value.call.name}
