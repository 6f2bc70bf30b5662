"""Fixes of a layer's options: the bias that is cancelled, the other framework's momentum."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache

from steadynorm.finding import Finding
from steadynorm.fix import Edit
from steadynorm.source.fixes.arguments import set_keyword
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.found import call_of
from steadynorm.source.fixes.origin import origin
from steadynorm.source.fixes.registry import fixes
from steadynorm.source.fixes.statements import replace
from steadynorm.source.reading.files import SourceFile

_BIAS = {
    "torch.": ("bias", "False"),
    "tensorflow.contrib.": ("biases_initializer", "None"),
    "slim.": ("biases_initializer", "None"),
    "keras.": ("use_bias", "False"),
    "tensorflow.layers.": ("use_bias", "False"),
    "flax.": ("use_bias", "False"),
    "equinox.": ("use_bias", "False"),
}
"""By the beginning of a layer's name, the argument that leaves its bias out."""

_MOMENTUM = ("momentum", "decay")


# A checkpoint that has the bias does not fit any more.
@fixes("SN501", "leave out the bias", safe=False)
def without_bias(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Builds the layer without a bias."""
    file, call = call_of(found, files)
    name = origin(file, call.func)
    for start, (argument, value) in _BIAS.items():
        if name.startswith(start) and not any(each.arg is None for each in call.keywords):
            return set_keyword(file, call, argument, value)
    raise NoFixError(f"unknown layer {name}")


# A fast or a slow average may be wanted, however seldom.
@fixes("SN510", "use this framework's momentum", safe=False)
def own_momentum(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Replaces the number where it is written: in the call, or in the one place that names it."""
    file, call = call_of(found, files)
    value = found.evidence.get("momentum")
    if found.evidence.get("is_epsilon"):
        raise NoFixError("the number is right, and another one is meant")
    inside = [each for each in ast.walk(call) if _is(each, value)]
    written = inside or [each for name, each in _named_numbers(file.tree) if _is(each, value) and _is_momentum(name)]
    if len(written) != 1:
        raise NoFixError("the number is written in no place or in several")
    (number,) = written
    assert isinstance(number, ast.Constant)
    return replace(file, number, str((1 - Decimal(repr(number.value))).normalize()))


def _is(node: ast.AST, value: object) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float) and node.value == value


def _is_momentum(name: str) -> bool:
    return any(each in name.lower() for each in _MOMENTUM)


@lru_cache(maxsize=1024)
def _named_numbers(tree: ast.Module) -> tuple[tuple[str, ast.expr], ...]:
    """Everything that a name is given in a file: by assignment, as an argument or as a default."""
    return tuple(_named(tree))


def _named(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((ast.unparse(target), node.value) for target in node.targets)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield ast.unparse(node.target), node.value
        elif isinstance(node, ast.keyword) and node.arg is not None:
            yield node.arg, node.value
        elif isinstance(node, ast.Dict):
            names = [each.value if isinstance(each, ast.Constant) else None for each in node.keys]
            yield from ((name, value) for name, value in zip(names, node.values, strict=True) if isinstance(name, str))
        elif isinstance(node, ast.arguments):
            positional = [*node.posonlyargs, *node.args]
            own = positional[len(positional) - len(node.defaults) :]
            yield from ((each.arg, value) for each, value in zip(own, node.defaults, strict=True))
            yield from (
                (each.arg, value) for each, value in zip(node.kwonlyargs, node.kw_defaults, strict=True) if value
            )
