"""SN3 in TensorFlow 1: what savers leave out, what restores miss, and what an initializer wipes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from steadynorm.program import Sighting
from steadynorm.source.symbolic.flow import inside
from steadynorm.source.symbolic.trace import Branch, Call
from steadynorm.source.symbolic.values import Comprehension, Items, Known, Product, Table, Value
from steadynorm.source.tensorflow.counting import how_many
from steadynorm.source.tensorflow.mode import Mode, Source
from steadynorm.source.tensorflow.norms import Norm, places_of, written
from steadynorm.source.tensorflow.scopes import exclusive
from steadynorm.source.tensorflow.sightings import seen
from steadynorm.source.tensorflow.variables import held
from steadynorm.source.tensorflow.words import INITIALIZERS, short
from steadynorm.source.tensorflow.world import World

_SAVERS = ("tensorflow.train.Saver", "slim.Saver")
_SAVING = (".save", "slim.learning.train", "tensorflow.train.Scaffold", "tensorflow.train.CheckpointSaverHook")
_FROM_CHECKPOINT = frozenset(
    short(name)
    for name in (
        "slim.assign_from_checkpoint_fn",
        "slim.assign_from_checkpoint",
        "tensorflow.contrib.framework.assign_from_checkpoint_fn",
        "tensorflow.contrib.framework.assign_from_checkpoint",
        "tensorflow.train.init_from_checkpoint",
        "tensorflow.contrib.framework.init_from_checkpoint",
    )
)
_NOTHING_BACK = frozenset({".extend", ".append", ".insert", ".update", ".sort", ".remove", ".reverse"})


def _listed(saver: Call) -> Value | None:
    return saver.argument(0, "var_list")


def _savers(world: World) -> list[Call]:
    return [call for call in world.run.calls() if short(call.name) in _SAVERS]


def _takers(world: World, saver: Call) -> tuple[Call, ...]:
    return world.uses.of(saver.result) if saver.result is not None else ()


def _saves(world: World, saver: Call) -> bool:
    return any(short(call.name) in _SAVING for call in _takers(world, saver))


def _restores(world: World, saver: Call) -> list[Call]:
    return [call for call in _takers(world, saver) if call.name == ".restore"]


def _known(world: World, call: Call) -> list[Norm]:
    """The layers with averages that stand in the graph when a saver is made."""
    graph = world.reach.graph(call)
    return [
        norm
        for norm in world.norms
        if norm.keeps_statistics and norm.call.index < call.index and world.reach.graph(norm.call) == graph
    ]


def not_saved(world: World) -> Iterator[Sighting]:
    """Savers of gamma and beta without the averages."""
    savers = [saver for saver in _savers(world) if _saves(world, saver)]
    for saver in savers:
        variables = _listed(saver)
        if variables is None or variables == Known(None) or saver.more:
            continue
        missing = [norm for norm in _known(world, saver) if _misses(world, saver, variables, norm)]
        others = [each for each in savers if each is not saver]
        missing = [norm for norm in missing if not any(_may_hold(_listed(each), norm) for each in others)]
        if missing:
            yield seen(
                "SN301",
                saver.place,
                written(saver),
                "saver",
                related=places_of(missing),
                layers=how_many(world, missing),
                first=missing[0].place,
                keyword="var_list" if "var_list" in saver.keywords else None,
                direct=isinstance(variables, Product) and variables.call.place.line == saver.place.line,
                restored=bool(_restores(world, saver)),
            )


def _misses(world: World, saver: Call, variables: Value, norm: Norm) -> bool:
    found = held(variables, norm)
    lists = list(inside(variables))
    for call in world.run.calls():
        # What is put into the list later, where the list came from a call.
        grows = call.name in (".extend", ".append", ".insert", ".update") and call.index < saver.index
        if grows and call.arguments and any(call.receiver is each for each in lists):
            found |= held(call.arguments[-1], norm)
    return found.parameters is True and found.statistics is False and not norm.stands_still


def _may_hold(variables: Value | None, norm: Norm) -> bool:
    return variables is None or held(variables, norm).statistics is not False


def not_restored(world: World) -> Iterator[Sighting]:
    """Restores of gamma and beta without the averages."""
    for saver in _savers(world):
        variables = _listed(saver)
        if variables is None or saver.more or _saves(world, saver):
            continue
        for call in _restores(world, saver):
            yield from _missed(world, call, variables, saver)
    for call in world.run.calls():
        if short(call.name) in _FROM_CHECKPOINT:
            given = call.argument(1, "var_list", "assignment_map")
            if given is not None:
                yield from _missed(world, call, _values(given), call)


def _values(given: Value) -> Value:
    """The variables of an assignment map; a map of names by the variables that its names were taken from."""
    if isinstance(given, Comprehension) and given.key is not None:
        return Comprehension(given.element, given.sources, given.tests, None, given.place)
    if isinstance(given, Table):
        return Items("list", {"items": tuple(given.entries.values())}, given.complete)
    return given


def _missed(world: World, call: Call, variables: Value, made: Call) -> Iterator[Sighting]:
    missing = [norm for norm in _known(world, made) if _leaves_out(variables, norm)]
    missing = [norm for norm in missing if not _is_restored_by_others(world, call, made, norm)]
    if not missing:
        return
    missing = [norm for norm in missing if norm.mode != Mode(Source.FIXED, True) and not _is_made_anew(world, norm)]
    if not missing:
        return
    yield seen(
        "SN302",
        call.place,
        written(call),
        "restore" if call.name == ".restore" else "assigned",
        related=(made.place, *places_of(missing)),
        layers=how_many(world, missing),
        first=missing[0].place,
        list_at=made.place,
        trained=bool(world.trained_steps),
    )


def _is_made_anew(world: World, norm: Norm) -> bool:
    """Whether a training goes on that moves the statistics."""
    return any(world.mode_in(norm, each) is True and norm in world.moved_by(each) for each in world.trainings)


def _leaves_out(variables: Value, norm: Norm) -> bool:
    found = held(variables, norm)
    if norm.frozen and found.statistics is False:
        # Variables that are not trained are left out of such a list altogether, gamma and beta with the averages.
        return _is_of_trainable(variables, norm)
    return found.parameters is True and found.statistics is False


def _is_of_trainable(variables: Value, norm: Norm) -> bool:
    found = held(variables, replace(norm, trainable=None))
    return found.parameters is True and found.statistics is False


def _is_restored_by_others(world: World, call: Call, made: Call, norm: Norm) -> bool:
    for saver in _savers(world):
        if saver is not made and _restores(world, saver) and _may_hold(_listed(saver), norm):
            return True
    for each in world.run.calls():
        if each is not call and each is not made and short(each.name) in _FROM_CHECKPOINT:
            given = each.argument(1, "var_list", "assignment_map")
            if given is None or held(_values(given), norm).statistics is not False:
                return True
    return False


def lists_lost(world: World) -> Iterator[Sighting]:
    """Lists of variables that are what extend() or append() gives: nothing."""
    if not world.norms:
        return
    for saver in _savers(world):
        variables = _listed(saver)
        for call in world.run.calls():
            if call.name not in _NOTHING_BACK or call.index > saver.index or call.dropped:
                continue
            if variables is not None and call.result is variables:
                yield seen(
                    "SN303",
                    call.place,
                    written(call),
                    call.name.removeprefix("."),
                    related=(saver.place,),
                    saver=saver.place,
                    kept=_kept(call),
                )


def _kept(call: Call) -> str:
    """How to keep the list."""
    name = written(call).rpartition(".")[0]
    if call.name in (".extend", ".append"):
        return f"Write '{name} + {_second(call)}' instead."
    return f"Call {written(call)}(...) in a line of its own and use '{name}'."


def _second(call: Call) -> str:
    node = call.node
    text = ast.unparse(node.args[0]) if node is not None and node.args else "more"
    return f"[{text}]" if call.name == ".append" else text


def wiped(world: World) -> Iterator[Sighting]:
    """Initializers of all variables that are run after a restore."""
    if not world.norms:
        return
    restores = [call for call in world.run.calls() if call.name == ".restore" and _is_savers(call)]
    for session in world.sessions:
        made = [value.call for each in session.fetches for value in inside(each) if isinstance(value, Product)]
        initializers = [call for call in made if short(call.name) in INITIALIZERS]
        if not initializers:
            continue
        for restore in restores:
            if restore.index < session.call.index and _follows(world, restore, session.call):
                yield seen(
                    "SN306",
                    session.call.place,
                    written(session.call),
                    "initializer",
                    related=(restore.place,),
                    restore=restore.place,
                    initializer=written(initializers[0]),
                )
                break


def _is_savers(call: Call) -> bool:
    receiver = call.receiver
    return isinstance(receiver, Product) and short(receiver.call.name) in (
        *_SAVERS,
        "tensorflow.train.import_meta_graph",
    )


def _follows(world: World, restore: Call, run: Call) -> bool:
    """Whether a session that was restored runs something else later, on the same way through the program."""
    session = restore.argument(0, "sess")
    if run.receiver is not None and run.name == ".run" and isinstance(run.receiver, Product):
        fetched = any(run.receiver is each for each in run.arguments)
        if not fetched and short(run.receiver.call.name) not in INITIALIZERS and session is not run.receiver:
            return False
    if world.reach.graph(restore) != world.reach.graph(run):
        return False
    conditions = [block for block in run.within if isinstance(block, Branch) and block not in restore.within]
    if conditions or exclusive(restore, run):
        return False  # where nothing could be restored, as it seems
    return not any(call.name == ".save" and restore.index < call.index < run.index for call in world.run.calls())
