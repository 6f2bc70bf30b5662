"""SN107 and SN201 in PyTorch: models that are asked for predictions in training mode."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.symbolic.flow import behind, calls_behind, inside
from steadynorm.source.symbolic.trace import Call, Callback, Frame, Loop
from steadynorm.source.symbolic.values import Known, Product, Value
from steadynorm.source.torch.engines import is_asked_between, is_trained_by_engine
from steadynorm.source.torch.entrance import Entrance, entrance
from steadynorm.source.torch.known import is_loaded, is_run_wholly, is_used, name_of, settle_of, text_of
from steadynorm.source.torch.made_up import is_made_up
from steadynorm.source.torch.models import Key
from steadynorm.source.torch.moved import is_moved, takes_over
from steadynorm.source.torch.program import Group, Role, TorchProgram, is_forward
from steadynorm.source.torch.same_batch import is_of_step
from steadynorm.source.torch.sightings import called, seen
from steadynorm.source.torch.state import Observation
from steadynorm.source.torch.words import PARAMETERS

_SAVES = frozenset({"torch.save", ".save_checkpoint", ".save_pretrained", ".save", "safetensors.torch.save_file"})

_JOINS = frozenset({"torch.cat", "torch.stack", "torch.concat", "torch.vstack"})
"""What puts the predictions of batches together."""

_BY_BATCH = "whether samples are meant to depend on the others of their batch, as those of DCGAN's own code do"


def asked(program: TorchProgram, group: Group, observed: list[Observation]) -> Iterator[Sighting]:
    """An evaluation or prediction in training mode."""
    if not all(each.trains for each in observed) or program.run.kind == "class":
        return
    spot = entrance(program, group)
    assert spot.place is not None
    trained_after = is_asked_between(program, group) or any(
        other.role is Role.TRAIN and _same(program, group, other)
        for other in (*program.groups, *program.guessed)
        if _is_before(program, observed[0], group, other)
    )
    trains = is_trained_by_engine(program, group) or any(
        other.role is Role.TRAIN and _same(program, group, other) and _is_run(program, other)
        for other in (*program.groups, *program.guessed)
    )
    loaded = is_loaded(program, group.root, group.first.index)
    if not (trains or loaded or takes_over(program, group)) or not is_used(program, group):
        return
    by = next((fact.by for each in observed for fact in each.facts if fact.by is not None), None)
    if by is not None and _is_mode_lost(by):
        return
    draws = _is_drawn_from(program, group)
    if (draws and not _is_in_hook(group)) or _is_asked_as_trained(program, group):
        return
    subject = name_of(program, group.root)
    model = spot.model
    likely, settle = group.role is Role.AIDE, _BY_BATCH if draws else settle_of(program, group)
    yield seen(
        "SN201",
        spot.place,
        subject,
        "teacher" if likely else ("train" if by is not None and not trains else "eval"),
        "whether the teacher is meant to run on batch moments" if likely else settle,
        (*(() if by is None else (by.place,)), *_within(group, spot)),
        model=model,
        since="since nothing has called eval()" if by is None else f"as {text_of(by)} left it ({by.place})",
        then=f", and {model}.train() where training goes on" if trained_after else "",
        resumed=trained_after and not _switches_back(program),
        **({"hook": True} if trained_after and _is_in_hook(group) else {}),
        **_way_in(group, spot),
    )
    if trains and (trained_after or _is_saved_after(program, group)) and not likely:
        how = "samples" if is_made_up(*group.given[:1]) else "training" if trained_after else "saved"
        yield seen("SN107", spot.place, subject, how, settle, model=model)


def _is_saved_after(program: TorchProgram, group: Group) -> bool:
    """Whether a model is saved behind an evaluation; a file of its predictions is no such file."""
    answers = {id(use) for use in group.uses}
    for call in program.run.calls():
        if call.name not in _SAVES or call.index < group.first.index:
            continue
        saved = () if call.receiver is not None else tuple(call.arguments[:1])
        states = any(isinstance(each, Product) and each.call.name == ".state_dict" for each in inside(*saved))
        predicted = any(id(each) in answers or each.name in _JOINS for each in calls_behind(*saved))
        if states or not predicted:
            return True
    return False


def asked_by_somebody(program: TorchProgram, group: Group, observed: list[Observation]) -> Iterator[Sighting]:
    """A method of a class that nobody makes an object of asks a model that the class makes, and never puts it into
    inference mode."""
    switched = any(call.name == ".eval" or (call.name == ".train" and call.arguments) for call in program.run.calls())
    if switched or not all(each.trains for each in observed) or not is_used(program, group):
        return
    if not is_run_wholly(program.run):
        return
    trains = any(other.role is Role.TRAIN and _same(program, group, other) for other in program.groups)
    spot = entrance(program, group)
    if spot.place is None or not (trains or is_loaded(program, group.root, group.first.index)):
        return
    subject, model = name_of(program, group.root), spot.model
    settle = f"whether those who make a {program.run.name} call eval() of its model"
    then = f", and {model}.train() where training goes on" if trains else ""
    since = "since nothing here has called eval()"
    yield seen(
        "SN201",
        spot.place,
        subject,
        "eval",
        settle,
        _within(group, spot),
        model=model,
        since=since,
        then=then,
        resumed=trains,
        **_way_in(group, spot),
    )


def _is_drawn_from(program: TorchProgram, group: Group) -> bool:
    """Whether random numbers are put into a model that is trained on such, as the generator of a GAN is."""
    return is_made_up(*group.given[:1]) and any(
        each.role in (Role.TRAIN, Role.THROUGH) and is_made_up(*each.given[:1]) and _same(program, group, each)
        for each in program.groups
    )


def _is_asked_as_trained(program: TorchProgram, group: Group) -> bool:
    """Whether a trained model is asked about the very batch that its gradient is taken for, as for features that are
    kept for a step, or an accuracy that is shown beside the loss: it is to give what it gives in training."""
    same = [each for each in (*program.groups, *program.guessed) if each.steps and _same(program, group, each)]
    return any(each.role is Role.TRAIN for each in same) and is_of_step(group, same)


def _is_in_hook(group: Group) -> bool:
    """Whether it stands in a method that a framework calls, which has others for what belongs to evaluation."""
    return any(isinstance(block, Callback) and block.call is None for block in group.first.within)


def _within(group: Group, spot: Entrance) -> tuple[Place, ...]:
    """The model's own call, where what is told of is a call that leads to it."""
    return () if group.place is None or group.place == spot.place else (group.place,)


def _way_in(group: Group, spot: Entrance) -> dict[str, object]:
    """What a fix has to know of a place that is not the model's own call, or that training shares."""
    facts: dict[str, object] = {"shared": True} if spot.shared else {}
    for place in _within(group, spot):
        return facts | {"inner": str(place), "calls": called(group.first) or ""}
    frames = (frame.place for frame in group.first.stack if not is_forward(frame))
    callers = [str(place) for place in frames if place is not None]
    return facts | ({"callers": callers[::-1]} if callers else {})


def _is_before(program: TorchProgram, first: Observation, group: Group, other: Group) -> bool:
    """Whether a model is called again after it was asked: later, or in the next iteration of a loop around both."""
    made = program.models.made_by(group.root)
    anew = set() if made is None else set(map(id, made.within))
    loops = {id(block) for block in group.first.within if isinstance(block, Loop)}
    if any(id(block) in loops - anew for block in other.first.within):
        return True
    # A further iteration of a loop in which it is made trains another one.
    later = not loops & anew
    return any(
        each.order > first.order and (later or not each.later) for use in other.uses for each in program.facts(use)
    )


def _same(program: TorchProgram, one: Group, other: Group) -> bool:
    models = program.models
    return models.is_within(one.root, other.root) or models.is_within(other.root, one.root)


def _is_run(program: TorchProgram, group: Group) -> bool:
    """Whether the run itself comes to a call, and does not leave it to somebody unknown."""
    return any(not each.free for use in group.uses for each in program.facts(use))


def is_teacher(program: TorchProgram, group: Group) -> bool:
    """Whether a model that aids another one's training has weights of its own, and nothing trains or moves it."""
    if program.is_trained(group.root) or not is_loaded(program, group.root, group.first.index):
        return False
    if is_moved(program, group.root, group.uses):
        return False
    return not any(
        call.name in (".data", ".copy_", ".mul_", ".lerp_") and _belongs(program, call.receiver, group.root)
        for call in program.run.calls()
    )


def _belongs(program: TorchProgram, value: Value | None, root: Key) -> bool:
    if value is None:
        return False
    receivers = (
        each.call.receiver for each in behind(value) if isinstance(each, Product) and each.call.name in PARAMETERS
    )
    return any(program.models.key(receiver) == root for receiver in receivers)


def _is_mode_lost(by: Call) -> bool:
    """Whether the mode was handed to a method that did not hand it on: that is told of there."""
    return any(is_train_without_mode(frame, by) for frame in by.stack)


def is_train_without_mode(frame: Frame, by: Call) -> bool:
    """Whether a call stands in a method `train` that was given another mode than it sets."""
    if frame.function.name.rpartition(".")[2] != "train":
        return False
    given = frame.arguments.get("mode")
    return isinstance(given, Known) and given.value is False and not by.arguments and not by.keywords


def _switches_back(program: TorchProgram) -> bool:
    """Whether the training begins with a `train()` of its own each time."""
    return any(
        call.name == ".train" and any(isinstance(block, Loop) for block in call.within) for call in program.run.calls()
    )
