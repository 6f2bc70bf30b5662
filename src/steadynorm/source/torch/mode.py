"""SN107, SN201, SN202 and SN203 in PyTorch: the mode in which a model is trained, and asked."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.symbolic.trace import Call, Loop
from steadynorm.source.symbolic.values import Known, Parameter, Product
from steadynorm.source.torch.asked import asked, asked_by_somebody, is_teacher
from steadynorm.source.torch.batch_axis import is_over_batch
from steadynorm.source.torch.chosen import is_chosen_anew
from steadynorm.source.torch.entrance import entrance
from steadynorm.source.torch.guarded import is_for_training
from steadynorm.source.torch.known import is_by_itself, is_loaded, is_used, name_of, settle_of, text_of
from steadynorm.source.torch.passing import is_not_handed_on
from steadynorm.source.torch.program import Group, Role, TorchProgram
from steadynorm.source.torch.sightings import called, receiver, seen
from steadynorm.source.torch.state import Fact, Observation
from steadynorm.source.torch.words import FUNCTIONAL


def look_at_modes(program: TorchProgram) -> Iterator[Sighting]:
    """What a run does about the modes of its models."""
    for groups in (*_by_place(program, program.groups), *_by_place(program, program.guessed)):
        group = groups[0]
        everything = [
            each
            for one in groups
            for use in one.uses
            if program.tracks(use) and _is_part(program, use, one)
            for each in program.facts(use)
        ]
        everything.sort(key=lambda each: each.order)
        observed = [each for each in everything if not each.free]
        if group.place is None or not everything:
            continue
        if group.role is Role.TRAIN and observed:
            begun = list(_trained(program, group, observed))
            yield from begun or _switched(program, group, observed)
        elif group.role is Role.TRAIN and is_by_itself(program.run):
            yield from _switched(program, group, everything)
        elif observed and (group.role is Role.ASK or (group.role is Role.AIDE and is_teacher(program, group))):
            yield from asked(program, group, observed)
        elif group.role is Role.ASK and is_by_itself(program.run):
            yield from asked_by_somebody(program, group, everything)
    yield from _constants(program)


def _by_place(program: TorchProgram, groups: list[Group]) -> Iterable[list[Group]]:
    found: dict[object, list[Group]] = {}
    for group in groups:
        found.setdefault((entrance(program, group).place, group.root, group.role), []).append(group)
    return found.values()


def _is_part(program: TorchProgram, use: Call, group: Group) -> bool:
    """Whether a layer belongs to the model that is called, and, where that is trained, to what is trained of it."""
    key = program.interest(use)
    if key is None or not program.models.is_within(key, group.root):
        return False
    optimizers = [optimizer for step in group.steps for optimizer in step.optimizers]
    return group.role is not Role.TRAIN or any(
        optimizer.covered is None or any(program.models.is_within(key, each) for each in optimizer.covered)
        for optimizer in optimizers
    )


def _is_off(program: TorchProgram, group: Group, fact: Fact) -> bool:
    """Whether a call of this run has put all of a model into inference mode."""
    by, events = fact.by, program.run.events
    if fact.training is not False or by is None or by.index >= len(events) or events[by.index] is not by:
        return False
    return fact.whole and fact.target in program.models.ancestors(group.root)


def _begins_off(program: TorchProgram, group: Group, observed: list[Observation]) -> bool:
    """Whether a model is in inference mode when its training begins."""
    begins = [each for each in observed if not each.later]
    off = all(_is_off(program, group, fact) for each in begins for fact in each.facts)
    asking = any(_asks_in_the_loop(program, fact.by, observed[0].call) for fact in observed[0].facts)
    return bool(begins) and bool(observed[0].facts) and off and not asking


def _asks_in_the_loop(program: TorchProgram, by: Call | None, trained: Call) -> bool:
    """Whether a model is asked in inference mode within a loop that goes on to train it, as an agent's is."""
    loops = {block.place for block in trained.within if isinstance(block, Loop)}
    if by is None or not any(isinstance(block, Loop) and block.place in loops for block in by.within):
        return False
    asked = (use for group in program.groups if group.role is Role.ASK for use in group.uses)
    return any(fact.by is by for use in asked for each in program.facts(use) for fact in each.facts)


def _trained(program: TorchProgram, group: Group, observed: list[Observation]) -> Iterator[Sighting]:
    """Training in inference mode from its beginning on."""
    assert group.place is not None
    first = observed[0]
    if not _begins_off(program, group, observed) or isinstance(program.models.value(group.root), Parameter):
        return
    if _is_trained_beside(program, group):
        return
    by = next(iter(first.facts)).by
    assert by is not None
    loaded = is_loaded(program, group.root, by.index)
    yield seen(
        "SN202",
        group.place,
        name_of(program, group.root),
        "mode",
        "whether the loaded statistics are meant to be kept: then the layers are frozen on purpose"
        if loaded
        else settle_of(program, group),
        (by.place,),
        model=called(group.first) or name_of(program, group.root),
        where=str(by.place),
        by=text_of(by),
    )


def _is_trained_beside(program: TorchProgram, group: Group) -> bool:
    """Whether the same loop trains the model in training mode, too, as a critic's own loss does beside the generator's,
    for which it is in inference mode: that updates the statistics."""
    loop = next((block for block in reversed(group.first.within) if isinstance(block, Loop)), None)
    return loop is not None and any(
        other.role is Role.TRAIN and other.root == group.root and loop in other.first.within and _is_on(program, other)
        for other in program.groups
    )


def _is_on(program: TorchProgram, group: Group) -> bool:
    observed = [each for use in group.uses for each in program.facts(use) if not each.free]
    return bool(observed) and all(each.trains for each in observed)


def _switched(program: TorchProgram, group: Group, observed: list[Observation]) -> Iterator[Sighting]:
    """Training in inference mode after the first evaluation."""
    told: set[Place] = set()
    for each in () if _begins_off(program, group, observed) else observed:
        for fact in each.facts:
            by = fact.by
            if each.order == observed[0].order or by is None or by.place in told or not _is_off(program, group, fact):
                continue
            if each.free and by.within[:1] != each.call.within[:1]:
                # Nobody knows in which order somebody calls the methods of an object.
                continue
            if is_chosen_anew(by, group, each.facts):
                continue
            told.add(by.place)
            yield seen(
                "SN203",
                by.place,
                name_of(program, fact.target),
                "restored" if _puts_back(by) else _goes_on(group, by),
                settle_of(program, group),
                (group.place,) if group.place is not None else (),
                model=receiver(by) or name_of(program, fact.target),
                **_both_names(program, group, by),
                kept=", and a deep copy keeps the mode" if _is_of_original(program, by, fact) else "",
                switch="train(False)" if by.name == ".train" else "eval()",
                where=str(group.place),
                trained_at={str(group.place): _written_model(program, group, by)},
            )


def _is_of_original(program: TorchProgram, by: Call, fact: Fact) -> bool:
    """Whether a call switched the model that the trained one is a copy of."""
    switched = program.models.key(by.receiver)
    return switched is not None and not program.models.is_within(fact.target, switched)


def _puts_back(by: Call) -> bool:
    """Whether a mode is set that was read before, as in `model.train(was_training)`."""
    given = by.argument(0, "mode") if by.name == ".train" else None
    return given is not None and not _is_literal(by)


def _is_literal(by: Call) -> bool:
    values = [] if by.node is None else [*by.node.args, *(each.value for each in by.node.keywords)]
    return len(values) == 1 and isinstance(values[0], ast.Constant)


def _both_names(program: TorchProgram, group: Group, by: Call) -> dict[str, str]:
    """What the model is called where it is trained, and, if that is something else, where it is switched."""
    trained, model = _written_model(program, group, by), receiver(by)
    return {"trained": trained, "behind": "" if model in (None, trained) else f"{model}.train() "}


def _written_model(program: TorchProgram, group: Group, by: Call) -> str:
    """What the trained model is called where it is trained; where that is `self`, where it is switched."""
    written = called(group.first)
    if written is None or written == "self":
        return receiver(by) or name_of(program, group.root)
    return written


def _constants(program: TorchProgram) -> Iterator[Sighting]:
    """Functional calls whose mode is written there."""
    for group in program.groups:
        for use in group.uses:
            if use.name not in FUNCTIONAL or not program.tracks(use) or is_not_handed_on(use):
                continue
            mode = program.constant_mode(use)
            subject = "F.batch_norm"
            if mode is True and group.role is Role.ASK and is_used(program, group) and _is_of_inference(use):
                yield seen("SN201", use.place, subject, "constant")
            elif mode is False and group.role is Role.TRAIN and _has_parameters(use):
                yield seen(
                    "SN202", use.place, subject, "default" if use.argument(5, "training") is None else "constant"
                )


def _is_of_inference(use: Call) -> bool:
    """Whether inference comes to a call, and moments of a batch are what it normalizes by."""
    return not is_for_training(use) and is_over_batch(use)


def _has_parameters(use: Call) -> bool:
    """Whether scale or offset are trained: a layer without is frozen on purpose."""
    for value in (use.argument(3, "weight"), use.argument(4, "bias")):
        if isinstance(value, Product) and value.call.name == "torch.nn.Parameter":
            trains = value.call.argument(1, "requires_grad")
            if not (isinstance(trains, Known) and trains.value is False):
                return True
    return False


def _goes_on(group: Group, by: Call) -> str:
    """How training goes on after a switch: its own loop begins anew, or is in its middle, or is that of a library."""
    loops = [block for block in group.first.within if isinstance(block, Loop)]
    if not loops:
        # A module that trains itself, as Lightning's, has no step of its own that could begin with train().
        return "within" if called(group.first) in (None, "self") else "step"
    is_new = all(block.place != loops[-1].place for block in by.within if isinstance(block, Loop))
    return "eval" if is_new else "within"
