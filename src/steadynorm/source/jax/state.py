"""SN206 and SN3 in JAX: parameters that go without the statistics that belong to them."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.jax.calls import PLAIN, TRAINED, JaxRun, Use, name_of_model
from steadynorm.source.jax.mode import trains
from steadynorm.source.jax.words import (
    AVERAGES,
    EQUINOX,
    LINEN,
    MAPS,
    NNX,
    PARAMETERS,
    SAVES,
    STATISTICS,
    is_gradient,
    is_restore,
)
from steadynorm.source.symbolic.derived import original
from steadynorm.source.symbolic.flow import behind, inside
from steadynorm.source.symbolic.trace import Assign, Call, Loop
from steadynorm.source.symbolic.values import (
    Attribute,
    Choice,
    Expression,
    External,
    Instance,
    Item,
    Known,
    Product,
    Value,
    Wrapped,
)
from steadynorm.source.symbolic.vocabulary import WITH_STATE

_INIT = (".init", ".init_with_output", ".lazy_init")
_WHOLE = (".apply", *_INIT, ".create", ".replace", ".apply_gradients")
"""Calls that give statistics as well."""

_STATE = "flax.nnx.state"
_UPDATE = "flax.nnx.update"


def look_at_state(jax: JaxRun) -> Iterator[Sighting]:
    """What is saved, restored, averaged and used without its statistics, or made anew."""
    for use in jax.model_uses:
        if use.purpose == PLAIN and not any(trains(jax, use, norm) for norm in use.norms):
            if use.library == LINEN:
                yield from _separate(jax, use)
            elif use.library == EQUINOX:
                yield from _other_state(jax, use)
        if use.purpose == PLAIN:
            yield from _made_again(jax, use)
    yield from _updates(jax)
    yield from _saved(jax)
    yield from _created_again(jax)


def _origins(value: Value | None) -> set[str]:
    """Where a collection comes from: `init`, `restore`, `training`, `average`."""
    found: set[str] = set()
    for each in behind(*(() if value is None else (value,))):
        if not isinstance(each, Product):
            continue
        call = each.call
        if call.name in _INIT:
            found.add("init")
        elif is_restore(call.name, call.receiver):
            found.add("restore")
        elif call.name in (".apply", "optax.apply_updates", ".apply_gradients"):
            found.add("training")
        if _is_average(call):
            found.add("average")
    return found


def _calls(value: Value | None, names: tuple[str, ...]) -> list[Call]:
    values = behind(*(() if value is None else (value,)))
    return [each.call for each in values if isinstance(each, Product) and each.call.name in names]


def _separate(jax: JaxRun, use: Use) -> Iterator[Sighting]:
    """Parameters and statistics that an evaluation takes from two places."""
    params, stats = use.collection(PARAMETERS), use.collection(STATISTICS)
    if params is None or stats is None or params is stats:
        return
    of_params, of_stats = _origins(params), _origins(stats)
    name = name_of_model(use)
    if "average" in of_params and "average" not in of_stats and of_stats:
        average = next(each.call for each in behind(params) if isinstance(each, Product) and _is_average(each.call))
        yield Sighting("SN305", "jax", _place_of_average(average), name, "average", related=(use.place,))
        return
    if of_stats != {"init"}:
        return
    trained = any(each.purpose == TRAINED and _same_network(each, use) for each in jax.model_uses)
    if "restore" in of_params:
        restores = [
            each.call
            for each in behind(params)
            if isinstance(each, Product) and is_restore(each.call.name, each.call.receiver)
        ]
        yield Sighting("SN302", "jax", restores[0].place, name, "params", related=(use.place,))
    elif trained:
        own = _calls(params, _INIT)
        for init in _calls(stats, _INIT):
            if init not in own:
                yield Sighting("SN206", "jax", init.place, name, "init", related=(use.place,))
                return


def _same_network(one: Use, other: Use) -> bool:
    first, second = original(one.model), original(other.model)
    if isinstance(first, Instance) and isinstance(second, Instance):
        return first.of is second.of
    return first is second


def _other_state(jax: JaxRun, use: Use) -> Iterator[Sighting]:
    """A state that was made together with another model, or one that was not restored together with its own."""
    model = original(use.model)
    if not isinstance(model, Instance):
        return
    own: list[Call] = []
    others: list[Call] = []
    for value in use.data[1:]:
        for each in behind(value):
            if isinstance(each, Product) and _makes_state(each.call):
                made = getattr(each.call.result, "items", ())
                (own if made and made[0] is model else others).append(each.call)
        training = [each for each in behind(value) if isinstance(each, Product) and is_gradient_of(each.call)]
        if training:
            return
    trained = any(each.purpose == TRAINED and original(each.model) is model for each in jax.model_uses)
    if others and not own and trained:
        yield Sighting("SN206", "jax", others[0].place, name_of_model(use), "", related=(use.place,))
    elif own and not trained:
        yield from _restored_alone(jax, use)


def is_gradient_of(call: Call) -> bool:
    """Whether a call takes part in a gradient."""
    return any(is_gradient(block) for block in call.within)


def _makes_state(call: Call) -> bool:
    return isinstance(call.callee, Product) and call.callee.call.name in WITH_STATE


def _restored_alone(jax: JaxRun, use: Use) -> Iterator[Sighting]:
    restores = [call for call in jax.restores if call.name == "equinox.tree_deserialise_leaves"]
    for call in restores:
        like = call.argument(1, "like")
        if like is None or original(like) is not original(use.model):
            continue
        if not any(_holds_state(other.argument(1, "like")) for other in restores):
            yield Sighting("SN302", "jax", call.place, name_of_model(use), "model", related=(use.place,))
            return


def _holds_state(value: Value | None) -> bool:
    """Whether a value holds the state of a model."""
    if value is None:
        return False
    if isinstance(value, Product) and _makes_state(value.call):
        return True
    return any(_is_state(each) for each in inside(value))


def _is_state(value: Value) -> bool:
    return (
        isinstance(value, Item)
        and value.key == Known(1)
        and isinstance(value.of, Product)
        and (_makes_state(value.of.call) or isinstance(value.of.call.callee, Product))
    )


def _is_average(call: Call) -> bool:
    """Whether a call gives weights that are averages of older and newer ones."""
    if call.name in AVERAGES:
        return True
    if call.name not in MAPS or len(call.arguments) != 3:
        return False
    given = call.callbacks.get(0)
    if not isinstance(given, Expression) or given.operator not in ("Add", "Sub"):
        return False
    if any(isinstance(each, Product) and is_gradient_call(each.call) for each in inside(*call.arguments[1:])):
        return False
    scaled = [each for each in given.operands if isinstance(each, Expression) and each.operator == "Mult"]
    return len(scaled) == 2 if given.operator == "Add" else False


def is_gradient_call(call: Call) -> bool:
    """Whether a call gives a gradient."""
    return isinstance(call.callee, Wrapped)


def _place_of_average(call: Call) -> Place:
    """Where an average is made: the call of the helper function that only does that."""
    frames = call.stack
    if call.name in MAPS and frames and frames[-1].place is not None:
        given = {id(value) for value in frames[-1].arguments.values()}
        if all(id(each) in given for each in call.arguments[1:]):
            return frames[-1].place
    return call.place


def _is_filtered(value: Value | None) -> Call | None:
    """The call that takes the parameters alone of an nnx model, if a value is what it gives."""
    if isinstance(value, Product) and value.call.name == _STATE and len(value.call.arguments) == 2:
        filtered = value.call.arguments[1]
        if isinstance(filtered, External) and filtered.name == "flax.nnx.Param":
            return value.call
    return None


def _updates(jax: JaxRun) -> Iterator[Sighting]:
    """Flax nnx models that are given the parameters of others."""
    for call in jax.run.calls():
        if call.name != _UPDATE or len(call.arguments) != 2 or not jax.norms(call.arguments[0]):
            continue
        target, state = original(call.arguments[0]), call.arguments[1]
        name = target.of.name if isinstance(target, Instance) else "model"
        filtered = [found for each in behind(state) if (found := _is_filtered(each)) is not None]
        if not filtered or any(_copies_statistics(other, target, call) for other in jax.run.calls()):
            continue
        restored = [each.call for each in behind(state) if isinstance(each, Product) and each.call in jax.restores]
        sources = [original(each.arguments[0]) for each in filtered]
        if restored:
            yield Sighting("SN302", "jax", restored[0].place, name, "filter", related=(call.place,))
        elif all(source is target for source in sources):
            continue
        elif not isinstance(state, Product) or state.call.name != _STATE:
            yield Sighting("SN305", "jax", call.place, name, "average")
        elif any(isinstance(block, Loop) for block in call.within):
            yield Sighting("SN305", "jax", call.place, name, "copy")
        elif isinstance(target, Instance) and target.place is not None:
            yield Sighting("SN206", "jax", target.place, name, "", related=(call.place,))


def _copies_statistics(call: Call, target: Value, update: Call) -> bool:
    """Whether another update of a model has more than the parameters."""
    if call is update or call.name != _UPDATE or not call.arguments or original(call.arguments[0]) is not target:
        return False
    return any(
        isinstance(each, Product) and each.call.name == _STATE and _is_filtered(each) is None
        for each in behind(*call.arguments[1:])
    )


def _saved(jax: JaxRun) -> Iterator[Sighting]:
    """What is saved of networks that this run trains."""
    trained = [
        use for use in jax.model_uses if use.purpose == TRAINED and any(trains(jax, use, norm) for norm in use.norms)
    ]
    if not trained:
        return
    saves = [(call, value) for call in jax.run.calls() if (value := _what_is_saved(call)) is not None]
    found: list[Sighting] = []
    for call, value in saves:
        if _has_statistics(value):
            return
        use = next((each for each in trained if (_lacks_statistics(each, value))), None)
        if use is not None:
            how = {LINEN: "params", NNX: "filter", EQUINOX: "model"}[use.library]
            found.append(Sighting("SN301", "jax", call.place, name_of_model(use), how))
    yield from found


def _what_is_saved(call: Call) -> Value | None:
    if call.name in SAVES:
        return call.argument(SAVES[call.name], "target", "pytree")
    made = call.receiver.call.name if isinstance(call.receiver, Product) else ""
    if call.name == ".save" and ("heckpoint" in made or made.startswith("orbax.")):
        return call.argument(1, "item", "state", "args")
    return None


def _has_statistics(value: Value) -> bool:
    """Whether something has the statistics, or may have them."""
    for each in inside(value):
        if isinstance(each, Attribute | Item):
            key = each.name if isinstance(each, Attribute) else getattr(each.key, "value", None)
            if key == STATISTICS or "stats" in str(key):
                return True
        whole = isinstance(each, Product) and each.call.name in _WHOLE
        if whole and not isinstance(value, Attribute):
            return True
        if isinstance(each, Product) and each.call.name == _STATE and _is_filtered(each) is None:
            return True
        if _is_state(each):
            return True
    return False


def _lacks_statistics(use: Use, value: Value) -> bool:
    if use.library == NNX:
        found = next((call for each in inside(value) if (call := _is_filtered(each)) is not None), None)
        return found is not None and original(found.arguments[0]) is original(use.model)
    if use.library == EQUINOX:
        return original(value) is original(use.model)
    return any(_is_parameters(each) and _belongs_to(each, use) for each in inside(value))


def _belongs_to(parameters: Value, use: Use) -> bool:
    """Whether parameters are those of a network: the nearest call that made some made them."""
    model = original(use.model)
    for init in _calls(parameters, _INIT):
        made = None if init.receiver is None else original(init.receiver)
        if isinstance(made, Instance):
            return isinstance(model, Instance) and made.of is model.of
    return True


def _is_parameters(value: Value) -> bool:
    """Whether a value is the parameters of a network."""
    if isinstance(value, Attribute):
        return value.name == PARAMETERS
    if isinstance(value, Item):
        return value.key == Known(PARAMETERS)
    if isinstance(value, Choice):
        return any(_is_parameters(each) for each in value.options)
    return isinstance(value, Product) and value.call.name == "optax.apply_updates"


def _created_again(jax: JaxRun) -> Iterator[Sighting]:
    """Variables that are initialized after a restore whose result nobody uses."""
    for restore in jax.restores:
        result = restore.result
        if result is None or jax.uses.of(result):
            continue
        assigned = [event for event in jax.run.assigns() if event.value is result]
        if assigned:
            yield from _assigned_again(jax, assigned[-1])
        elif not jax.uses.is_kept(result):
            for use in jax.model_uses:
                variables = use.variables
                if use.purpose != PLAIN or use.index < restore.index or variables is None:
                    continue
                for init in _calls(variables, _INIT):
                    if init.index > restore.index and "restore" not in _origins(variables):
                        name = name_of_model(use)
                        yield Sighting("SN306", "jax", init.place, name, "init", related=(restore.place,))
                        return


def _assigned_again(jax: JaxRun, first: Assign) -> Iterator[Sighting]:
    for event in jax.run.assigns():
        if event.index > first.index and event.target is first.target and event.name == first.name:
            value = event.value
            if "init" in _origins(value) and "restore" not in _origins(value) and isinstance(value, Product):
                name = _class_of(value)
                yield Sighting("SN306", "jax", value.call.place, name, "init", related=(first.place,))
            return


def _class_of(value: Product) -> str:
    callee = value.call.callee
    of = callee.of if isinstance(callee, Attribute) else callee
    return getattr(of, "name", "state")


def _made_again(jax: JaxRun, use: Use) -> Iterator[Sighting]:
    """A Flax nnx model that is made again after its first one was restored."""
    model = original(use.model)
    if use.library != NNX or not isinstance(model, Instance) or model.place is None or model.created is None:
        return
    for call in jax.run.calls():
        if call.name != _UPDATE or len(call.arguments) != 2 or call.index > model.created.index:
            continue
        before = original(call.arguments[0])
        restored = any(isinstance(each, Product) and each.call in jax.restores for each in behind(call.arguments[1]))
        same = isinstance(before, Instance) and before is not model and before.of is model.of
        if not restored or not same or any(original(each.model) is before for each in jax.model_uses):
            continue
        later = [each for each in jax.run.calls() if each.name == _UPDATE and each.index > model.created.index]
        if not any(original(each.arguments[0]) is model for each in later if each.arguments):
            yield Sighting("SN306", "jax", model.place, model.of.name, "model", related=(call.place,))
            return
