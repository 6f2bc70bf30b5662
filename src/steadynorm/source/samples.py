"""How many samples there are in an array, where the program says so: published data sets, sizes that are written."""

from __future__ import annotations

import math
from collections.abc import Callable

from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Attribute, Expression, Item, Items, Known, Product, Value, constant

_OF_KERAS = {
    "mnist": 60_000,
    "fashion_mnist": 60_000,
    "cifar10": 50_000,
    "cifar100": 50_000,
    "imdb": 25_000,
    "reuters": 8_982,
    "boston_housing": 404,
}
"""Training samples of Keras's data sets."""

_OF_SKLEARN = {
    "load_iris": 150,
    "load_wine": 178,
    "load_diabetes": 442,
    "load_breast_cancer": 569,
    "load_digits": 1_797,
    "fetch_olivetti_faces": 400,
    "fetch_california_housing": 20_640,
}
"""Samples of scikit-learn's data sets."""

_SKLEARN = "sklearn.datasets."
_MADE_BY_SKLEARN = 100
"""Samples of what `make_moons()` and the like make, unless they are told."""

_SPLIT = "sklearn.model_selection.train_test_split"
_TESTED = 0.25
"""The share that is split off for a test, unless another one is given."""

_SHAPED = (".normal", ".random", ".uniform", ".standard_normal", "numpy.random.normal", "numpy.random.uniform")
_SHAPED_FIRST = ("numpy.zeros", "numpy.ones", "numpy.random.random", ".random", ".standard_normal")
_SHAPED_LAST = ("numpy.random.rand", "numpy.random.randn")

_SAME = frozenset({".astype", ".reshape", ".float", ".double", ".long", ".to", ".cuda", ".view", ".numpy", ".copy"})
_SAME_ARGUMENT = frozenset(
    {
        "torch.tensor",
        "torch.as_tensor",
        "torch.from_numpy",
        "torch.FloatTensor",
        "torch.Tensor",
        "numpy.array",
        "numpy.asarray",
        "numpy.expand_dims",
        "torch.utils.data.TensorDataset",
        ".fit_transform",
        ".transform",
    }
)


def samples_in(value: Value | None) -> int | None:
    """How many samples an array, or a data set made of arrays, has; `None` where that is not known."""
    if isinstance(value, Expression):
        return samples_in(next((each for each in value.operands if not isinstance(each, Known)), None))
    if isinstance(value, Attribute):
        return _of_sklearn(value.of) if value.name in ("data", "target", "images") else None
    if isinstance(value, Item):
        return _of_item(value)
    if not isinstance(value, Product):
        return None
    call = value.call
    if call.name in _SAME:
        return samples_in(call.receiver)
    if call.name in _SAME_ARGUMENT:
        return samples_in(call.argument(0, "X", "data"))
    return _of_shape(call)


def _of_item(value: Item) -> int | None:
    of = value.of
    if isinstance(value.key, Expression):
        return _of_slice(samples_in(of), value.key)
    position = constant(value.key)
    if isinstance(of, Item) and isinstance(of.of, Product) and of.key == Known(0):
        return _of_keras(of.of.call)
    if not isinstance(of, Product) or type(position) is not int:
        return None
    if of.call.name == _SPLIT:
        return _of_split(of.call, position)
    return _of_sklearn(of) if of.call.name.startswith(_SKLEARN) else None


def _of_slice(samples: int | None, key: Expression) -> int | None:
    """The samples between two bounds that are written."""
    if samples is None or key.operator != "Slice":
        return None
    bounds = [constant(each) for each in key.operands]
    known = all(each == Known(None) or type(constant(each)) is int for each in key.operands)
    return len(range(samples)[slice(*bounds)]) if known else None


def _of_split(call: Call, position: int) -> int | None:
    """A part of what is split into training and test: an array's two parts stand one behind the other."""
    arrays = call.arguments
    whole = samples_in(arrays[position // 2]) if position // 2 < len(arrays) else None
    shares = {name: call.keywords.get(name) for name in ("train_size", "test_size")}
    numbers = {name: constant(each) for name, each in shares.items() if each is not None and each != Known(None)}
    if whole is None or not all(isinstance(each, int | float) for each in numbers.values()):
        return None
    trained = _part(whole, numbers.get("train_size"), math.floor)
    tested = _part(whole, numbers.get("test_size"), math.ceil)
    if trained is None and tested is None:
        tested = math.ceil(whole * _TESTED)
    if position % 2:
        return tested if tested is not None or trained is None else whole - trained
    return trained if trained is not None or tested is None else whole - tested


def _part(whole: int, share: float | None, rounded: Callable[[float], int]) -> int | None:
    """A number of samples, which is given as a share where it is below one."""
    return None if share is None else share if isinstance(share, int) else rounded(whole * share)


def _of_sklearn(value: Value) -> int | None:
    call = value.call if isinstance(value, Product) else None
    if call is None or not call.name.startswith(_SKLEARN):
        return None
    name = call.name.removeprefix(_SKLEARN)
    if not name.startswith("make_"):
        return _OF_SKLEARN.get(name)
    given = call.argument(0, "n_samples")
    count = _MADE_BY_SKLEARN if given is None and not call.more else constant(given)
    return count if type(count) is int else None


def _of_keras(call: Call) -> int | None:
    parts = call.name.split(".")
    if "test_split" in call.keywords:
        return None
    return _OF_KERAS.get(parts[2]) if parts[:2] == ["keras", "datasets"] and parts[-1] == "load_data" else None


def _of_shape(call: Call) -> int | None:
    shape = call.keywords.get("size") or call.keywords.get("shape")
    if shape is None and call.name in (*_SHAPED_FIRST, *_SHAPED_LAST) and call.arguments:
        shape = call.arguments[0]
    if shape is None or not call.name.startswith((*_SHAPED, *_SHAPED_FIRST, *_SHAPED_LAST)):
        return None
    first = shape.items[0] if isinstance(shape, Items) and shape.items else shape
    return first.value if isinstance(first, Known) and type(first.value) is int else None
