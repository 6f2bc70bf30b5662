"""SN2 in TensorFlow 1: the mode that reaches each layer in training, in evaluation, in prediction and in exports."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.finding import Certainty
from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.symbolic.trace import Branch, Call
from steadynorm.source.symbolic.values import Known, Product, constant_bool
from steadynorm.source.tensorflow.builds import shared
from steadynorm.source.tensorflow.choices import chosen_outside
from steadynorm.source.tensorflow.counting import how_many
from steadynorm.source.tensorflow.mode import TRAIN, Source
from steadynorm.source.tensorflow.norms import Kind, Norm, Updates, places_of
from steadynorm.source.tensorflow.origins import flag_around, origin_of, told_at
from steadynorm.source.tensorflow.rows import acts_on_one_row
from steadynorm.source.tensorflow.runs import Session
from steadynorm.source.tensorflow.sightings import seen
from steadynorm.source.tensorflow.variables import trains
from steadynorm.source.tensorflow.words import short
from steadynorm.source.tensorflow.world import World, is_tensor

_KEPT = "whether the loaded statistics are meant to be kept: then the layers are frozen on purpose"

_EXPORTS = frozenset(
    {
        "tensorflow.graph_util.convert_variables_to_constants",
        "tensorflow.python.framework.graph_util.convert_variables_to_constants",
        "tensorflow.saved_model.simple_save",
        ".add_meta_graph_and_variables",
        "tensorflow.lite.TFLiteConverter.from_session",
        "tensorflow.lite.TocoConverter.from_session",
        "tensorflow.contrib.lite.toco_convert",
    }
)


def inference_by_batch(world: World) -> Iterator[Sighting]:
    """Evaluations and predictions in which a layer is in training mode."""
    outside = chosen_outside(world)
    for session in world.sessions:
        is_inference = world.is_inference(session)
        for norm in world.norms_in(session.reached):
            if world.mode_in(norm, session) is not True or id(norm) in outside:
                continue
            if not (is_inference or acts_on_one_row(world, norm, session) or _only_predicts(world, norm, session)):
                continue
            if not world.trainings and norm.updates is Updates.COLLECTED and norm in world.moved_by(session):
                continue  # its statistics are estimated anew
            if norm.kind is Kind.HAND and (norm.updates is Updates.NONE or norm.mode.source is Source.FIXED):
                continue
            yield _inference(world, norm, session)


def _only_predicts(world: World, norm: Norm, session: Session) -> bool:
    """Whether a network that no train step computes is run by itself: it was built beside the one that is trained."""
    if norm.mode.source is not Source.FIXED or session.feeds is None or world.is_training(session):
        return False
    if not any(norm.place == other.place and _is_trained(world, other) for other in world.norms):
        return False
    return not any(norm.call in each.reached for each in world.trainings) and norm not in _fetched(world, session)


def _is_trained(world: World, norm: Norm) -> bool:
    return any(norm.call in step.data for step in world.trained_steps)


def _is_told_by(world: World, norm: Norm, place: Place) -> bool:
    """Whether a layer is trained, and its mode is that of a place."""
    return _is_trained(world, norm) and origin_of(world.run, norm, norm.given).place == place


def _fetched(world: World, session: Session) -> list[Norm]:
    """The layers whose updates somebody fetches, to estimate their statistics anew."""
    return [norm for norm in world.moved_by(session) if norm.updates is Updates.COLLECTED]


def _inference(world: World, norm: Norm, session: Session) -> Sighting:
    if norm.mode.source is not Source.FIXED and session.estimator is None:
        fed = norm.mode.source is Source.PHASE or norm.mode.tensor in (session.feeds or {})
        return seen(
            "SN201",
            session.call.place,
            norm.subject,
            ("fed" if fed else "not fed") if world.is_inference(session) else "row",
            related=(norm.place,),
            first=norm.place,
            flag=_flag_name(world, norm) or "the placeholder",
        )
    flag = flag_around(norm) if norm.given is None and norm.kind is not Kind.FUSED else None
    if flag is not None:
        return _not_passed_on(norm, flag, "training")
    origin = origin_of(world.run, norm, norm.given)
    how = "default" if origin.left_out else "phase set" if norm.is_in_phase else "constant"
    test = _asked_in_python(norm)
    if test is not None:
        how = "if"
    elif session.estimator is not None:
        how = "estimator"
    return seen(
        "SN201",
        origin.place,
        norm.subject,
        how,
        related=(norm.place, session.call.place),
        first=norm.place,
        run=session.call.place,
        argument=origin.name,
        keyword=_keyword(norm),
        test=None if test is None else test.text,
        trained=any(_is_told_by(world, each, origin.place) for each in world.norms if each.place == norm.place),
        in_scope=_told_in_all_sessions(world, norm),
        inner=_is_inner(norm) and origin.place == told_at(norm),
    )


def _flag_name(world: World, norm: Norm) -> str | None:
    tensor = norm.mode.tensor
    return None if tensor is None else world.run.named.get(tensor)


def _keyword(norm: Norm) -> str:
    """The argument that tells a layer its mode."""
    return "is_training" if norm.kind in (Kind.CONTRIB, Kind.FUSED) else "training"


def _asked_in_python(norm: Norm) -> Branch | None:
    """The `if` on a tensor that a layer is built under: it asks whether the tensor exists."""
    for block in norm.call.within:
        if isinstance(block, Branch) and is_tensor(block.test):
            return block
    return None


def _not_passed_on(norm: Norm, flag: str, left_in: str) -> Sighting:
    inner = _is_inner(norm)
    return seen(
        "SN205",
        told_at(norm),
        norm.subject,
        left_in,
        flag=flag,
        keyword=_keyword(norm),
        inner=inner,
        handed=f"normalizer_params={{'is_training': {flag}}}" if inner else f"{_keyword(norm)}={flag}",
    )


def _is_inner(norm: Norm) -> bool:
    """Whether a layer gets its arguments in the `normalizer_params` of another one."""
    return norm.inner and not norm.several


def training_by_population(world: World) -> Iterator[Sighting]:
    """Train steps that go through layers in inference mode."""
    if not world.run.whole:
        return
    sessions = [each for each in world.trainings if world.steps_in(each)]
    outside = chosen_outside(world)
    for norm in world.norms:
        if id(norm) in outside:
            continue
        mine = [each for each in sessions if any(_trains_through(world, each, norm))]
        if not mine or norm.stands_still or norm.kind in (Kind.HAND, Kind.FUSED):
            continue
        modes = [world.mode_in(norm, each) for each in mine]
        if any(mode is not False for mode in modes) or _has_a_twin_that_updates(world, norm, mine):
            continue
        found = _training(world, norm, mine[0])
        if found is not None:
            yield found


def _has_a_twin_that_updates(world: World, norm: Norm, sessions: list[Session]) -> bool:
    """Whether the same training takes the layer by the batch elsewhere: statistics of one input serve another one."""
    return any(
        other.place == norm.place
        and world.mode_in(other, each) is True
        and any(_trains_through(world, each, other))
        and shared(world, other, norm) is True
        for other in world.norms
        for each in sessions
    )


def _trains_through(world: World, session: Session, norm: Norm) -> Iterator[bool]:
    for step in world.steps_in(session):
        if norm.call in step.data:
            yield trains(step.variables, norm) is not False


def _training(world: World, norm: Norm, session: Session) -> Sighting | None:
    if norm.mode.source is Source.FED and session.estimator is None:
        tensor = norm.mode.tensor
        fed = session.feeds is not None and tensor in session.feeds
        return seen(
            "SN202",
            session.call.place,
            norm.subject,
            "fed" if fed else "not fed",
            related=(norm.place,),
            first=norm.place,
            flag=_flag_name(world, norm) or "the placeholder",
        )
    if norm.mode.source is Source.PHASE:
        return seen("SN202", norm.place, norm.subject, "phase", related=(session.call.place,), run=session.call.place)
    mistaken = norm.given is None and norm.trainable is not None
    # A flag that is handed over as trainable= is passed on, to the wrong parameter.
    flag = flag_around(norm) if norm.given is None and (not mistaken or isinstance(norm.trainable, Known)) else None
    if flag is not None:
        return _not_passed_on(norm, flag, "inference")
    origin = origin_of(world.run, norm, norm.given)
    if norm.given is not None and world.restores:
        return None  # kept as a pre-training left it, and said so
    # Of a step that others run it is not known what they restore.
    restored = bool(world.restores) or session.elsewhere
    step = world.steps_in(session)[0]
    how = "default" if origin.left_out else "phase set" if norm.is_in_phase else "constant"
    if mistaken:
        how = "trainable"
    elif session.estimator == TRAIN and norm.given is not None:
        how = "estimator"
    # A published network that comes trained may be meant to keep its statistics.
    kept = restored and (norm.several or norm.given is not None)
    return seen(
        "SN202",
        origin.place,
        norm.subject,
        how,
        Certainty.LIKELY if kept else Certainty.PROVEN,
        _KEPT if kept else None,
        related=(norm.place, step.call.place),
        first=norm.place,
        step=step.call.place,
        argument=origin.name,
        keyword=_keyword(norm),
        flag=_mode_in_scope(world, norm) or "is_training",
        in_scope=_told_in_all_sessions(world, norm),
        inner=_is_inner(norm) and origin.place == told_at(norm),
    )


def _mode_in_scope(world: World, norm: Norm) -> str | None:
    """The placeholder for the mode that the program has, which the layer could be handed."""
    named = list(_modes_before(world, norm).values())
    return named[0] if len(named) == 1 else None


def _told_in_all_sessions(world: World, norm: Norm) -> str | None:
    """The same, if every session that computes the layer feeds it or needs not to: else they fail."""
    modes = _modes_before(world, norm)
    if len(modes) != 1:
        return None
    ((tensor, name),) = modes.items()
    computed = [each for each in world.sessions if norm.call in each.reached]
    fed = tensor.call.name.endswith("with_default") or all(tensor in (each.feeds or {}) for each in computed)
    return name if fed else None


def _modes_before(world: World, norm: Norm) -> dict[Product, str]:
    """The placeholders of truth values that there are when a layer is made, with their names."""
    return {
        value: name
        for value, name in world.run.named.items()
        if is_tensor(value)
        and isinstance(value, Product)
        and value.call.index < norm.call.index
        and _is_bool(value.call)
    }


def _is_bool(call: Call) -> bool:
    if call.name.endswith("with_default"):
        return constant_bool(call.argument(0, "input")) is not None
    dtype = call.argument(0, "dtype")
    return getattr(dtype, "name", "") in ("tensorflow.bool", "builtins.bool") or dtype == Known("bool")


def exports(world: World) -> Iterator[Sighting]:
    """Exports of layers that are in training mode for good."""
    for call in world.run.calls():
        name = short(call.name)
        if name not in _EXPORTS:
            continue
        reached = world.reach.of(*call.arguments[1:], *call.keywords.values(), data=True)
        computed = world.norms_in(reached)
        if not computed and "convert" in name:
            graph = world.reach.graph(call)
            same = [norm for norm in world.norms if norm.call.index < call.index]
            same = [norm for norm in same if world.reach.graph(norm.call) == graph or graph[0] == -2]
            computed = same if not any(norm.mode.source is not Source.FIXED for norm in same) else []
        fixed = [norm for norm in computed if norm.mode.source is Source.FIXED and norm.mode.fixed]
        fixed = [norm for norm in fixed if norm.keeps_statistics and norm.kind is not Kind.HAND]
        if fixed and not (len(fixed) < len(computed) and "convert" in name):
            origin = origin_of(world.run, fixed[0], fixed[0].given)
            yield seen(
                "SN209",
                call.place,
                fixed[0].subject,
                "default" if fixed[0].given is None else "constant",
                related=places_of(fixed),
                layers=how_many(world, fixed),
                first=fixed[0].place,
                written=origin.place,
                keyword=_keyword(fixed[0]),
            )
