"""SN207 for layers that are objects: both modes of a layer are computed, and a value or a condition chooses one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from steadynorm.program import Sighting
from steadynorm.source.layers.graph import LayerGraph, Norm
from steadynorm.source.layers.places import subject_of
from steadynorm.source.symbolic.flow import inside
from steadynorm.source.symbolic.trace import Branch, Call, Callback, Frame
from steadynorm.source.symbolic.values import Product, Value, constant_bool

_CHOOSING = frozenset(
    {
        "tensorflow.cond",
        "tensorflow.where",
        "tensorflow.where_v2",
        "keras.ops.where",
        "keras.ops.cond",
        "keras.ops.select",
        "keras.backend.in_train_phase",
        "keras.backend.switch",
        "jax.numpy.where",
        "jax.numpy.select",
        "jax.lax.select",
        "jax.lax.cond",
        "flax.linen.cond",
        "flax.nnx.cond",
    }
)


def fixed_mode(norm: Norm) -> bool | None:
    """Whether a use of a layer is always in training mode, or never; `None` where it is told."""
    if norm.framework == "keras":
        return constant_bool(norm.call.argument(1, "training"))
    averages = constant_bool(norm.call.argument(1, "use_running_average"))
    return None if averages is None else not averages


def both_modes(graph: LayerGraph) -> frozenset[Call]:
    """The calls that made the layers that a run uses in both modes, each by a constant in the same function."""
    modes: dict[tuple[Call, int], set[bool]] = defaultdict(set)
    for norm in graph.norms:
        mode = fixed_mode(norm)
        if mode is not None:
            modes[norm.made, _function(norm.call)].add(mode)
    return frozenset(made for (made, _), found in modes.items() if len(found) == 2)


def _function(call: Call) -> int:
    return id(call.stack[-1].function.node) if call.stack else 0


def look_at_choices(graph: LayerGraph) -> Iterator[Sighting]:
    """Both modes of a layer, computed before one is chosen."""
    by_call = {id(norm.call): norm for norm in graph.norms}
    for call in graph.run.calls():
        if call.name not in _CHOOSING:
            continue
        found: dict[Call, set[bool]] = defaultdict(set)
        for value in inside(*call.arguments, *call.keywords.values(), *call.callbacks.values()):
            norm = _norm_behind(value, by_call)
            mode = None if norm is None else fixed_mode(norm)
            if norm is not None and mode is not None and not _is_inside(norm.call, call):
                found[norm.made].add(mode)
        for made, modes in found.items():
            if len(modes) == 2:
                framework = next(norm.framework for norm in graph.norms if norm.made is made)
                related = (made.place,)
                yield Sighting("SN207", framework, call.place, subject_of(made), "values", related=related)


def _norm_behind(value: Value, by_call: dict[int, Norm]) -> Norm | None:
    return by_call.get(id(value.call)) if isinstance(value, Product) else None


def _is_inside(call: Call, choosing: Call) -> bool:
    """Whether a call is made in a branch of a condition."""
    return any(isinstance(block, Callback) and block.call is choosing for block in call.within)


def stands_in_branch(call: Call) -> bool:
    """Whether a call stands in a branch of its function, which may be chosen by the mode."""
    frames = [index for index, block in enumerate(call.within) if isinstance(block, Frame)]
    inner = call.within[frames[-1] :] if frames else call.within
    around = call.within[max(0, (frames[-1] if frames else 0) - 1) :]
    chosen = any(isinstance(block, Callback) and block.call and block.call.name in _CHOOSING for block in around)
    return chosen or any(isinstance(block, Branch) for block in inner)
