"""SN107, SN201, SN202 and SN203 in PyTorch: the mode in which a model is trained, and asked."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.symbolic.flow import behind, inside
from steadynorm.source.symbolic.trace import Call, Frame, Loop
from steadynorm.source.symbolic.values import Instance, Known, Product, Value
from steadynorm.source.torch.models import Key
from steadynorm.source.torch.passing import is_not_handed_on
from steadynorm.source.torch.program import Group, Role, TorchProgram
from steadynorm.source.torch.sightings import called, receiver, seen
from steadynorm.source.torch.state import Fact, Observation
from steadynorm.source.torch.words import FUNCTIONAL, zoo_name

_LOADS = frozenset(
    {".load_state_dict", ".load_from_checkpoint", ".from_pretrained", ".load_weights", ".load_pretrained"}
)
_SAVES = frozenset({"torch.save", ".save_checkpoint", ".save_pretrained", ".save", "safetensors.torch.save_file"})


def look_at_modes(program: TorchProgram) -> Iterator[Sighting]:
    """What a run does about the modes of its models."""
    for groups in _by_place(program).values():
        group = groups[0]
        observed = [
            each
            for one in groups
            for use in one.uses
            if program.tracks(use) and _is_part(program, use, one)
            for each in program.facts(use)
            if not each.free
        ]
        observed.sort(key=lambda each: each.order)
        if group.place is None or not observed:
            continue
        if group.role is Role.TRAIN:
            yield from _trained(program, group, observed)
        elif group.role is Role.ASK or (group.role is Role.AIDE and _is_teacher(program, group)):
            yield from _asked(program, group, observed)
    yield from _constants(program)


def _by_place(program: TorchProgram) -> dict[object, list[Group]]:
    found: dict[object, list[Group]] = {}
    for group in program.groups:
        found.setdefault((group.place, group.root, group.role), []).append(group)
    return found


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


def _trained(program: TorchProgram, group: Group, observed: list[Observation]) -> Iterator[Sighting]:
    """Training in inference mode: from its beginning on, or after the first evaluation."""
    models = program.models

    def off(fact: Fact) -> bool:
        whole = fact.whole and fact.target in models.ancestors(group.root)
        return fact.training is False and fact.by is not None and whole

    assert group.place is not None
    first = observed[0]
    begins = [each for each in observed if not each.later]
    if first.facts and all(off(fact) for each in begins for fact in each.facts) and begins:
        by = next(iter(first.facts)).by
        assert by is not None
        loaded = is_loaded(program, group.root, by.index)
        model = called(group.first) or name_of(program, group.root)
        yield seen(
            "SN202",
            group.place,
            name_of(program, group.root),
            "mode",
            "whether the loaded statistics are meant to be kept: then the layers are frozen on purpose"
            if loaded
            else None,
            (by.place,),
            model=model,
            where=str(by.place),
            by=_text_of(by),
        )
        return
    told: set[Place] = set()
    for each in observed:
        for fact in each.facts:
            if each.order == first.order or not off(fact) or fact.by is None or fact.by.place in told:
                continue
            told.add(fact.by.place)
            yield seen(
                "SN203",
                fact.by.place,
                name_of(program, fact.target),
                "restored" if fact.by.name == ".train" and fact.by.arguments else _goes_on(group, fact.by),
                related=(group.place,),
                model=receiver(fact.by) or name_of(program, fact.target),
                **_both_names(program, group, fact.by),
                where=str(group.place),
            )


def _asked(program: TorchProgram, group: Group, observed: list[Observation]) -> Iterator[Sighting]:
    """An evaluation or prediction in training mode."""
    if not all(each.trains for each in observed) or program.run.kind == "class":
        return
    assert group.place is not None
    trained_after = any(
        (other.role is Role.TRAIN and program.models.is_within(other.root, group.root))
        or (other.role is Role.TRAIN and program.models.is_within(group.root, other.root))
        for other in program.groups
        if any(each.order > observed[0].order for use in other.uses for each in program.facts(use))
    )
    trains = any(
        other.role is Role.TRAIN and _same(program, group, other) and _is_run(program, other)
        for other in program.groups
    )
    loaded = is_loaded(program, group.root, group.first.index)
    if (not trains and not loaded) or not is_used(program, group):
        return
    by = next((fact.by for each in observed for fact in each.facts if fact.by is not None), None)
    if by is not None and _is_mode_lost(program, by):
        return
    subject = name_of(program, group.root)
    model = called(group.first) or subject
    likely = group.role is Role.AIDE
    yield seen(
        "SN201",
        group.place,
        subject,
        "teacher" if likely else ("train" if by is not None and not trains else "eval"),
        "whether the teacher is meant to run on batch moments" if likely else None,
        () if by is None else (by.place,),
        model=model,
        since="since nothing has called eval()" if by is None else f"as {_text_of(by)} left it ({by.place})",
        then=f", and {model}.train() where training goes on" if trained_after else "",
        resumed=trained_after and not _switches_back(program, group),
    )
    saved_after = any(call.name in _SAVES and call.index > group.first.index for call in program.run.calls())
    if trains and (trained_after or saved_after) and not likely:
        yield seen("SN107", group.place, subject, "training" if trained_after else "saved", model=model)


def _text_of(call: Call) -> str:
    """How a call is written."""
    text = "" if call.node is None else ast.unparse(call.node)
    return text if text and len(text) <= 60 else f"{call.name.removeprefix('.')}()"


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
            if mode is True and group.role is Role.ASK and is_used(program, group):
                yield seen("SN201", use.place, subject, "constant")
            elif mode is False and group.role is Role.TRAIN and _has_parameters(program, use):
                yield seen(
                    "SN202", use.place, subject, "default" if use.argument(5, "training") is None else "constant"
                )


def _has_parameters(program: TorchProgram, use: Call) -> bool:
    """Whether scale or offset are trained: a layer without is frozen on purpose."""
    for value in (use.argument(3, "weight"), use.argument(4, "bias")):
        if isinstance(value, Product) and value.call.name == "torch.nn.Parameter":
            trains = value.call.argument(1, "requires_grad")
            if not (isinstance(trains, Known) and trains.value is False):
                return True
    return False


def _same(program: TorchProgram, one: Group, other: Group) -> bool:
    models = program.models
    return models.is_within(one.root, other.root) or models.is_within(other.root, one.root)


def _is_run(program: TorchProgram, group: Group) -> bool:
    """Whether the run itself comes to a call, and does not leave it to somebody unknown."""
    return any(not each.free for use in group.uses for each in program.facts(use))


def _is_teacher(program: TorchProgram, group: Group) -> bool:
    """Whether a model that aids another one's training has weights of its own, and nothing trains or moves it."""
    if program.is_trained(group.root) or not is_loaded(program, group.root, group.first.index):
        return False
    return not any(
        call.name in (".data", ".copy_", ".mul_", ".lerp_") and _belongs(program, call.receiver, group.root)
        for call in program.run.calls()
    )


def _belongs(program: TorchProgram, value: Value | None, root: Key) -> bool:
    if value is None:
        return False
    receivers = (
        each.call.receiver
        for each in behind(value)
        if isinstance(each, Product) and each.call.name in (".parameters", ".named_parameters")
    )
    return any(program.models.key(receiver) == root for receiver in receivers)


def is_loaded(program: TorchProgram, key: Key, before: int) -> bool:
    """Whether trained weights were put into a model, before a position in the trace."""
    models = program.models
    if models.is_loaded(key):
        return True
    value = models.value(key)
    if isinstance(value, Instance) and value.created is not None and value.created.name in _LOADS:
        return True
    earlier = () if program.before is None else program.before.run.calls()
    for call in (*earlier, *(each for each in program.run.calls() if each.index <= before)):
        if call.name not in _LOADS:
            continue
        loaded = models.key(call.receiver)
        if loaded is not None and (models.is_within(loaded, key) or models.is_within(key, loaded)):
            return True
    return False


def is_used(program: TorchProgram, group: Group) -> bool:
    """Whether more is asked of a result than its shape."""
    for value in inside(*group.result):
        if program.uses.is_kept(value):
            return True
        for call in program.uses.of(value):
            if call.name in (".size", ".dim", ".numel", "builtins.print", "builtins.len") or call is group.first:
                continue
            return True
    return not group.result


def _is_mode_lost(program: TorchProgram, by: Call) -> bool:
    """Whether the mode was handed to a method that did not hand it on: that is told of there."""
    return any(is_train_without_mode(frame, by) for frame in by.stack)


def is_train_without_mode(frame: Frame, by: Call) -> bool:
    """Whether a call stands in a method `train` that was given another mode than it sets."""
    if frame.function.name.rpartition(".")[2] != "train":
        return False
    given = frame.arguments.get("mode")
    return isinstance(given, Known) and given.value is False and not by.arguments and not by.keywords


def name_of(program: TorchProgram, key: Key) -> str:
    """What the author calls a model."""
    value = program.models.value(key)
    if value is None:
        return "the model"
    base = program.run.named.get(value)
    if base is None and isinstance(value, Instance):
        base = value.of.name
    elif base is None and isinstance(value, Product):
        base = zoo_name(value.call) or value.call.name.rpartition(".")[2] or "the model"
    return ".".join([base or "the model", *map(str, key[1:])]).replace(".[", "[")


def _goes_on(group: Group, by: Call) -> str:
    """How training goes on after a switch: its own loop begins anew, or is in its middle, or is that of a library."""
    loops = [block for block in group.first.within if isinstance(block, Loop)]
    if not loops:
        # A module that trains itself, as Lightning's, has no step of its own that could begin with train().
        return "within" if called(group.first) in (None, "self") else "step"
    is_new = all(block.place != loops[-1].place for block in by.within if isinstance(block, Loop))
    return "eval" if is_new else "within"


def _switches_back(program: TorchProgram, group: Group) -> bool:
    """Whether the training begins with a `train()` of its own each time."""
    return any(
        call.name == ".train" and any(isinstance(block, Loop) for block in call.within) for call in program.run.calls()
    )
