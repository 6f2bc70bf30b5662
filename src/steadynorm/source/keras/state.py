"""SN101 and SN3 in Keras: statistics that are dropped, not saved, not restored, not averaged, or initialized again."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.finding import Certainty
from steadynorm.program import Sighting
from steadynorm.source.keras.calls import KerasRun
from steadynorm.source.keras.variables import TRAINABLE, variables_behind, variables_in
from steadynorm.source.layers.models import is_loaded, is_pretrained, norms_in
from steadynorm.source.symbolic.flow import behind, inside
from steadynorm.source.symbolic.trace import Assign, Call, Carry, Loop, Return
from steadynorm.source.symbolic.values import Attribute, Expression, Instance, Item, Known, Product, Value

_SAVING = (
    "numpy.savez",
    "numpy.savez_compressed",
    "numpy.save",
    "pickle.dump",
    "pickle.dumps",
    "joblib.dump",
    "dill.dump",
    "cloudpickle.dump",
    "json.dump",
    "torch.save",
    "scipy.io.savemat",
)
_CHECKPOINT = "tensorflow.train.Checkpoint"
_SAVES = (".save", ".write")
_RESTORES = (".restore", ".read")
_CHECKED = (".assert_consumed", ".assert_existing_objects_matched", ".assert_nontrivial_match")
_LOADING = ("numpy.load", "pickle.load", "pickle.loads", "joblib.load", "h5py.File", "json.load", "scipy.io.loadmat")
_INITIALIZERS = (
    "tensorflow.global_variables_initializer",
    "tensorflow.initialize_all_variables",
    "tensorflow.initializers.global_variables",
)
_AVERAGE = "tensorflow.train.ExponentialMovingAverage"
_LONG_MEMORY = 0.99
_CLEARED = ("keras.backend.clear_session", "keras.utils.clear_session")


def look_at_state(keras: KerasRun) -> Iterator[Sighting]:
    """What becomes of the statistics."""
    yield from _dropped(keras)
    yield from _not_saved(keras)
    yield from _numbered_anew(keras)
    yield from _assigned(keras)
    yield from _averaging_optimizers(keras)
    yield from _averages(keras)
    yield from _initialized_again(keras)


def _dropped(keras: KerasRun) -> Iterator[Sighting]:
    """`stateless_call` whose second result nobody takes."""
    for call in keras.run.calls():
        if call.name != ".stateless_call" or call.keywords.get("training") != Known(True):
            continue
        model = call.receiver
        if not keras.norms(model) or keras.is_frozen(keras.norms(model)):
            continue
        if not _is_kept(keras, call):
            yield Sighting("SN101", "keras", call.place, keras.name_of(model), "stateless")


def _is_kept(keras: KerasRun, call: Call) -> bool:
    """Whether the second item of what a call gives, or all of it, is handed on."""
    for event in keras.run.events:
        if isinstance(event, Call):
            values = (*event.arguments, *event.keywords.values(), *event.spread)
        elif isinstance(event, Assign):
            values = (event.value,)
        elif isinstance(event, Carry):
            values = (event.after,)
        elif isinstance(event, Return) and event.frame.place is None:
            values = (event.value,)
        else:
            continue
        for value in inside(*values):
            if isinstance(value, Item) and _is_result(value.of, call) and value.key in (Known(1), None):
                return True
            if _is_result(value, call) and not _is_taken_apart(values, call):
                return True
    return False


def _is_result(value: Value, call: Call) -> bool:
    return isinstance(value, Product) and value.call is call


def _is_taken_apart(values: tuple[Value, ...], call: Call) -> bool:
    return any(isinstance(each, Item) and _is_result(each.of, call) for each in inside(*values))


def _not_saved(keras: KerasRun) -> Iterator[Sighting]:
    """Files that get the trainable variables of a model, and not its statistics."""
    for call in keras.run.calls():
        if call.name in _SAVING:
            given = tuple(call.arguments[1:] if call.name in ("numpy.savez", "numpy.save") else call.arguments)
            yield from _without_statistics(keras, call, (*given, *call.keywords.values(), *call.spread))
        elif call.name == ".create_dataset":
            yield from _without_statistics(keras, call, (*call.arguments, *call.keywords.values()))
        elif call.name in _SAVES and call.receiver is not None:
            for checkpoint in _checkpoints(call.receiver):
                yield from _without_statistics(keras, call, tuple(checkpoint.keywords.values()))


def _checkpoints(receiver: Value) -> Iterator[Call]:
    for value in behind(receiver):
        if isinstance(value, Product) and value.call.name == _CHECKPOINT:
            yield value.call


def _without_statistics(keras: KerasRun, call: Call, values: tuple[Value, ...]) -> Iterator[Sighting]:
    found = [each for each in variables_behind(values) if keras.norms(each.model)]
    for each in found:
        rest = [other for other in found if set(keras.norms(other.model)) & set(keras.norms(each.model))]
        if each.name in TRAINABLE and all(other.name in TRAINABLE for other in rest):
            facts = {"variables": each.name}
            yield Sighting("SN301", "keras", call.place, keras.name_of(each.model), "trainable", facts=facts)
            return


def _numbered_anew(keras: KerasRun) -> Iterator[Sighting]:
    """Weights that are loaded by names which the second model of a process does not have."""
    calls = list(keras.run.calls())
    if any(call.name in _CLEARED for call in calls):
        return
    for load in calls:
        if load.name != ".load_weights" or load.keywords.get("by_name") != Known(True):
            continue
        path = load.argument(0, "filepath")
        for save in calls:
            same = save.name == ".save_weights" and save.index < load.index and save.argument(0, "filepath") == path
            if not same or not isinstance(path, Known):
                continue
            first, second = keras.norms(save.receiver), keras.norms(load.receiver)
            places = {made.place: made for made in first}
            renamed = [made for made in second if made.place in places and made is not places[made.place]]
            if renamed and all("name" not in made.keywords for made in renamed):
                related = (save.place, renamed[0].place)
                yield Sighting("SN302", "keras", load.place, keras.name_of(load.receiver), "names", related=related)
                break


def _assigned(keras: KerasRun) -> Iterator[Sighting]:
    """Variables that are set one by one: from a file, or from another model."""
    assigns = [call for call in keras.run.calls() if call.name == ".assign" and call.receiver is not None]
    filled = [each for call in assigns for each in variables_in(call.receiver)]
    for call in assigns:
        for target in variables_in(call.receiver):
            norms = keras.norms(target.model)
            others = [each for each in filled if set(keras.norms(each.model)) & set(norms)]
            if not norms or target.name not in TRAINABLE or any(each.name not in TRAINABLE for each in others):
                continue
            if keras.is_filled(norms) and not _is_average(keras, call):
                continue
            if _is_told_at_apply(call):
                continue
            if _is_read_from_file(call):
                yield Sighting("SN302", "keras", call.place, keras.name_of(target.model), "trainable")
            elif _is_average(keras, call):
                facts = {"variables": target.name}
                yield Sighting("SN305", "keras", call.place, keras.name_of(target.model), "average", facts=facts)


def _is_told_at_apply(call: Call) -> bool:
    """Whether what is assigned is an average of TensorFlow's, which is seen where it is made."""
    value = call.argument(0, "value")
    receiver = value.call.receiver if isinstance(value, Product) and value.call.name == ".average" else None
    return isinstance(receiver, Product) and receiver.call.name == _AVERAGE


def _is_read_from_file(call: Call) -> bool:
    return any(isinstance(each, Product) and each.call.name in _LOADING for each in behind(*call.arguments))


def _is_average(keras: KerasRun, call: Call) -> bool:
    """Whether what is assigned is made of a model's trainable variables, by arithmetic or again and again."""
    mixed = False
    for value in _with_attributes(keras, call.arguments):
        mixed = mixed or (isinstance(value, Expression) and value.operator in ("Add", "Sub", "Div"))
        for source in variables_in(value):
            if source.name in TRAINABLE and (mixed or any(isinstance(block, Loop) for block in call.within[:-1])):
                return True
    return False


def _with_attributes(keras: KerasRun, values: tuple[Value, ...]) -> Iterator[Value]:
    """Values with everything behind them, and with what was kept in attributes in other methods."""
    for value in behind(*values):
        yield value
        if isinstance(value, Attribute) and isinstance(value.of, Instance):
            for event in keras.run.assigns():
                if event.target is value.of and event.name == value.name:
                    yield from behind(event.value)


def _averaging_optimizers(keras: KerasRun) -> Iterator[Sighting]:
    """Optimizers that average what they train, over more steps than the statistics take."""
    for call in keras.run.calls():
        if not call.name.startswith("keras.optimizers.") or call.keywords.get("use_ema") != Known(True):
            continue
        momentum = call.keywords.get("ema_momentum")
        if not isinstance(momentum, Known) or not isinstance(momentum.value, float) or momentum.value <= _LONG_MEMORY:
            continue
        fits = [fit for fit in keras.fits if keras.norms(fit.receiver)]
        if fits and not _is_reestimated(keras, fits[-1]):
            facts = {"momentum": momentum.value}
            settle = "whether the metric rises when the statistics are re-estimated: steadynorm diagnose"
            likely = Certainty.LIKELY
            yield Sighting("SN305", "keras", call.place, "use_ema", "optimizer", likely, settle, facts)


def _is_reestimated(keras: KerasRun, fit: Call) -> bool:
    """Whether the model is run in training mode behind its training, for its statistics alone."""
    wanted = set(keras.norms(fit.receiver))
    return any(
        each.call.index > fit.index and each.call.dropped and each.mode == Known(True) and wanted & set(each.norms)
        for each in keras.model_calls
    )


def _averages(keras: KerasRun) -> Iterator[Sighting]:
    """`ExponentialMovingAverage.apply` on trainable variables, whose averages are then used."""
    calls = list(keras.run.calls())
    for call in calls:
        receiver = call.receiver
        if call.name != ".apply" or not isinstance(receiver, Product) or receiver.call.name != _AVERAGE:
            continue
        if not any(each.name == ".average" and each.receiver is receiver for each in calls):
            continue
        for source in variables_in(call.argument(0, "var_list")):
            if source.name in TRAINABLE and keras.norms(source.model):
                facts = {"variables": source.name}
                yield Sighting("SN305", "keras", call.place, keras.name_of(source.model), "average", facts=facts)


def _initialized_again(keras: KerasRun) -> Iterator[Sighting]:
    """An initializer of all variables that runs when weights have been loaded."""
    calls = list(keras.run.calls())
    loads = [call for call in calls if _loads(call)]
    for call in calls:
        if call.name not in (".run", ".eval") or not any(
            isinstance(each, Product) and each.call.name in _INITIALIZERS for each in inside(*call.arguments)
        ):
            continue
        before = [load for load in loads if load.index < call.index]
        after = [load for load in loads if load.index > call.index]
        if before and not after:
            yield Sighting(
                "SN306", "keras", call.place, before[-1].name.lstrip("."), "run", related=(before[-1].place,)
            )


def _loads(call: Call) -> bool:
    if call.name == ".load_weights":
        return True
    return is_pretrained(call) or is_loaded(call.result)


def look_at_checkpoints(runs: list[KerasRun]) -> Iterator[Sighting]:
    """Checkpoints that are restored under another name than any of the project has saved."""
    saved: set[str] = set()
    restored: list[tuple[KerasRun, Call, Call]] = []
    for keras in runs:
        for call in keras.run.calls():
            if call.receiver is None or call.name not in (*_SAVES, *_RESTORES):
                continue
            for checkpoint in _checkpoints(call.receiver):
                names = {name for name, value in checkpoint.keywords.items() if norms_in(value)}
                if call.name in _SAVES:
                    saved |= names
                elif names:
                    restored.append((keras, call, checkpoint))
    for keras, call, checkpoint in restored:
        names = {name for name, value in checkpoint.keywords.items() if norms_in(value)}
        checked = call.result is not None and any(each.name in _CHECKED for each in keras.uses.of(call.result))
        if saved and not names & saved and not checked:
            facts = {"restored": min(names), "saved": min(saved)}
            yield Sighting("SN302", "keras", call.place, min(names), "key", facts=facts, related=(checkpoint.place,))
