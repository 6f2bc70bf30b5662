"""A live Keras model drawn: layers and operations, shapes, health, and what is not used; nothing of it changed."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import steadynorm
from steadynorm.drawing.drawing import SHARED, Drawing, Item
from steadynorm.keras.batches import numbers_of

GENERATOR = np.random.default_rng(0)


@keras.saving.register_keras_serializable("drawn")
class Block(keras.layers.Layer):
    """A residual block; the mistakes are made one by one."""

    def __init__(self, norm: Any = None, unused: bool = False, dead: bool = False, **given: Any) -> None:
        super().__init__(**given)
        self.conv = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")
        self.norm = norm or keras.layers.BatchNormalization(name="norm")
        self.dead = dead
        if unused:
            self.scale = self.add_weight(shape=(4,), name="scale")
            self.auxiliary = keras.layers.BatchNormalization(name="auxiliary")
            self.auxiliary.build((None, 4))

    def call(self, x: Any, training: bool = False) -> Any:
        if self.dead:
            keras.ops.sigmoid(x)
        return x + self.norm(self.conv(x), training=training)


def functional(shared: bool = False, **mistakes: bool) -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1), name="image")
    norm = keras.layers.BatchNormalization(name="common") if shared else None
    x = keras.layers.Conv2D(4, 3, name="stem")(inputs)
    x = Block(norm, **mistakes, name="first")(x)
    x = Block(norm, name="second")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, keras.layers.Dense(10, name="head")(x))


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.block = Block(name="block")
        self.head = keras.layers.Dense(10, name="head")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.head(keras.ops.mean(self.block(x, training=training), axis=(1, 2)))


def batches() -> list[Any]:
    draw = GENERATOR.random
    return [(draw((16, 8, 8, 1)).astype("float32"), GENERATOR.integers(10, size=16)) for _ in range(3)]


def fitted(model: keras.Model, data: Any) -> keras.Model:
    """With statistics that fit the data."""
    steadynorm.recalibrate(model, data)
    return model


def drawn(model: keras.Model, data: Any) -> Drawing:
    return steadynorm.draw(model, data, progress=False).drawing


def by_name(drawing: Drawing) -> dict[str, Item]:
    return {item.name: item for item in drawing.items}


def edges(drawing: Drawing) -> dict[tuple[str, str], str]:
    items = drawing.items
    return {(items[one].name, items[other].name): shape for one, other, shape, _ in drawing.edges}


@pytest.mark.every_backend
def test_layers_are_drawn_in_those_that_call_them_with_shapes() -> None:
    data = batches()
    drawing = drawn(fitted(functional(), data), data)

    assert edges(drawing) == {
        ("input input", "stem"): "16×8×8×1",
        ("stem", "first/conv"): "16×6×6×4",
        ("first/conv", "first/relu"): "16×6×6×4",
        ("first/relu", "first/norm"): "16×6×6×4",
        ("stem", "first/Add"): "16×6×6×4",
        ("first/norm", "first/Add"): "16×6×6×4",
        ("first/Add", "second/conv"): "16×6×6×4",
        ("second/conv", "second/relu"): "16×6×6×4",
        ("second/relu", "second/norm"): "16×6×6×4",
        ("first/Add", "second/Add"): "16×6×6×4",
        ("second/norm", "second/Add"): "16×6×6×4",
        ("second/Add", "pool"): "16×6×6×4",
        ("pool", "head"): "16×4",
        ("head", "output"): "16×10",
    }
    assert [(drawing.items[at].layer, drawing.items[at].health) for at in drawing.sites] == [
        ("first/norm", "healthy"),
        ("second/norm", "healthy"),
    ]
    assert {item.note for item in drawing.items} == {""}


@pytest.mark.every_backend
def test_subclassed_model_is_followed_through_its_calls() -> None:
    data = [(np.repeat(x, 4, -1), y) for x, y in batches()]
    model = Subclassed()
    model(data[0][0])

    assert edges(drawn(model, data)) == {
        ("input input", "block/conv"): "16×8×8×4",
        ("block/conv", "block/relu"): "16×8×8×4",
        ("block/relu", "block/norm"): "16×8×8×4",
        ("input input", "block/Add"): "16×8×8×4",
        ("block/norm", "block/Add"): "16×8×8×4",
        ("block/Add", "Mean"): "16×8×8×4",
        ("Mean", "head"): "16×4",
        ("head", "output"): "16×10",
    }


def test_uses_of_the_same_statistics_are_joined_and_others_not() -> None:
    data = batches()
    for shared in (True, False):
        drawing = drawn(functional(shared), data)
        assert any(kind & SHARED for *_, kind in drawing.edges) is shared


@pytest.mark.parametrize("broken", [False, True])
def test_layer_with_a_damaged_statistic_is_an_error(broken: bool) -> None:
    data = batches()
    model = fitted(functional(), data)
    if broken:
        variance = model.get_layer("second").norm.moving_variance
        values = numbers_of(variance.value).copy()
        values[2] = np.nan
        variance.assign(values)
    items = by_name(drawn(model, data))

    assert items["first/norm"].health == "healthy"
    assert items["second/norm"].health == ("error" if broken else "healthy")
    assert ("SN701" in items["second/norm"].codes) is broken


@pytest.mark.every_backend
def test_what_is_not_used_is_marked() -> None:
    items = by_name(drawn(functional(unused=True, dead=True), batches()))

    assert {name: item.note for name, item in items.items() if item.note} == {
        "first/scale": "no gradient: nothing reads it",
        "first/auxiliary": "never called",
        "first/Sigmoid": "nothing reads it",
    }
    assert (items["first/auxiliary"].layer, items["first/auxiliary"].health) == ("first/auxiliary", "unknown")


def test_frozen_layer_has_no_gradient() -> None:
    model = functional()
    model.get_layer("stem").trainable = False
    items = by_name(drawn(model, batches()))

    assert {name: item.note for name, item in items.items() if item.note} == {"stem": "no gradient to kernel and bias"}


def everything(model: keras.Model) -> Any:
    layers = [model, *model._flatten_layers(include_self=False)]
    return (
        [(each.path, numbers_of(each.value).tobytes(), each.trainable) for each in model.variables],
        [{name: id(value) for name, value in vars(each).items()} for each in layers],
        [len(each._inbound_nodes) + len(each._outbound_nodes) for each in layers],
        np.random.get_state()[1].tobytes(),  # noqa: NPY002
    )


@pytest.mark.every_backend
@pytest.mark.parametrize("raises", [False, True])
def test_nothing_of_the_users_is_changed(raises: bool) -> None:
    model, data = functional(unused=True), batches()

    def forward(model: keras.Model, batch: Any) -> Any:
        np.random.rand()  # noqa: NPY002
        if raises and isinstance(batch[0], keras.KerasTensor):
            raise RuntimeError("stop")
        return model(batch[0], training=False)

    model(data[0][0])
    before = everything(model)
    if raises:
        with pytest.raises(steadynorm.UnusableInputError, match=r"symbolic tensors.*stop"):
            steadynorm.draw(model, data, forward=forward, progress=False)
    else:
        steadynorm.draw(model, data, forward=forward, progress=False)

    assert everything(model) == before
