"""Batches: sampled, copied, cut, and told apart."""

from __future__ import annotations

from collections import Counter, OrderedDict, UserDict, namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from steadynorm.batches import inputs_and_target, spread_order
from steadynorm.errors import UnusableInputError
from steadynorm.torch.batches import (
    call,
    check_finite,
    fresh,
    sample,
    sample_count,
    shapes_of,
    split_batch,
    spread,
    tensors_of,
    to_device,
    transform,
)

Pair = namedtuple("Pair", ["x", "y"])


@dataclass
class Record:
    x: Tensor
    name: str


class Encoding(UserDict):  # type: ignore[type-arg]
    pass


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 64, 1000])
def test_a_spread_order_has_every_number_once(count: int) -> None:
    assert sorted(spread_order(count)) == list(range(count))
    assert spread_order(count) == spread_order(count)


@pytest.mark.parametrize("beginning", [8, 20, 100])
def test_the_beginning_of_a_spread_covers_the_range(beginning: int) -> None:
    quarters = Counter(index // 250 for index in spread_order(1000)[:beginning])
    assert max(quarters.values()) - min(quarters.values()) <= 2


@pytest.mark.parametrize("period", [2, 3, 4, 8])
def test_the_beginning_of_a_spread_takes_all_of_a_period(period: int) -> None:
    """Real and fake batches in turn: a stride of a power of two would see one kind only."""
    kinds = Counter(index % period for index in spread_order(400)[:64])
    assert len(kinds) == period
    # Drawn evenly, each kind would have 64 / period; five standard deviations of that many coin tosses.
    assert all(abs(count - 64 / period) < 5 * (64 / period) ** 0.5 for count in kinds.values())


def test_a_loader_in_sequence_is_spread() -> None:
    loader = DataLoader(TensorDataset(torch.arange(200)), batch_size=2)
    batches = [batch[0].tolist() for batch in spread(loader)]
    assert sorted(batches) == [[index, index + 1] for index in range(0, 200, 2)]
    assert sum(batch[0] < 100 for batch in batches[:10]) == 5


def test_a_shuffling_loader_keeps_its_order() -> None:
    loader = DataLoader(
        TensorDataset(torch.arange(8)), batch_size=2, shuffle=True, generator=torch.Generator().manual_seed(0)
    )
    expected = [batch[0].tolist() for batch in loader]
    loader.generator.manual_seed(0)
    assert [batch[0].tolist() for batch in spread(loader)] == expected


def test_no_more_is_read_than_asked_for() -> None:
    read = []

    def data() -> Any:
        for index in range(10):
            read.append(index)
            yield index

    assert sample(data(), 3, "data") == [0, 1, 2]
    assert read == [0, 1, 2]


@pytest.mark.parametrize(
    "nest",
    [
        [torch.zeros(2), (torch.ones(2), "a")],
        Pair(torch.zeros(2), torch.ones(2)),
        {"x": torch.zeros(2), "more": [torch.ones(2)]},
        OrderedDict(x=torch.zeros(2), y=torch.ones(2)),
        Encoding(x=torch.zeros(2), y=torch.ones(2)),
    ],
    ids=lambda nest: type(nest).__name__,
)
def test_nests_keep_their_types(nest: Any) -> None:
    doubled = transform(nest, lambda tensor: tensor + 1)
    assert type(doubled) is type(nest)
    assert [tensor.tolist() for tensor in tensors_of(doubled)] == [[1, 1], [2, 2]]
    assert [tensor.tolist() for tensor in tensors_of(nest)] == [[0, 0], [1, 1]]


def test_a_fresh_batch_shares_nothing() -> None:
    names = ["a"]
    batch = {"x": torch.zeros(2), "array": np.zeros(2), "names": names, "record": Record(torch.zeros(1), "b")}
    copied = fresh(batch)
    copied["x"] += 1
    copied["array"] += 1
    copied["names"].append("c")
    copied["record"].x += 1
    copied["record"].name = "d"
    del copied["names"]
    assert batch["x"].tolist() == batch["array"].tolist() == [0, 0]
    assert names == ["a"]
    assert batch["record"].x.tolist() == [0]
    assert batch["record"].name == "b"


def test_a_fresh_tensor_keeps_asking_for_gradients() -> None:
    x = torch.zeros(2, requires_grad=True)
    copied = fresh([x, x * 2])
    assert [each.requires_grad for each in copied] == [True, True]
    assert all(each.is_leaf for each in copied)


def test_to_device() -> None:
    batch = (torch.zeros(2), Record(torch.zeros(1), "a"), "text")
    assert to_device(batch, None) is batch
    moved = to_device(batch, torch.device("meta"))
    assert [tensor.device.type for tensor in tensors_of(moved)] == ["meta", "meta"]
    assert moved[2] == "text"


@pytest.mark.parametrize(
    ("batch", "count"),
    [
        ((torch.zeros(5, 2), torch.zeros(5)), 5),
        ({"ids": torch.zeros(3, 2)}, 3),
        (torch.tensor(1.0), 1),
        ("text", 1),
    ],
)
def test_sample_count(batch: Any, count: int) -> None:
    assert sample_count(batch) == count


def test_cutting_drops_what_is_left_over() -> None:
    pieces = split_batch((torch.arange(5), {"y": torch.arange(5)}), 2)
    assert [(x.tolist(), y["y"].tolist()) for x, y in pieces] == [([0, 1], [0, 1]), ([2, 3], [2, 3])]


@pytest.mark.parametrize(
    "batch",
    [(torch.arange(5), torch.arange(4)), (torch.arange(2), torch.arange(2)), (torch.arange(3), torch.tensor(1))],
)
def test_what_cannot_be_cut_stays_whole(batch: Any) -> None:
    assert split_batch(batch, 2) == [batch]


@pytest.mark.parametrize(
    ("batch", "inputs", "target"),
    [
        ((1, 2), 1, 2),
        ([1, 2, 3], 1, [2, 3]),
        ((1,), 1, None),
        (Pair(1, 2), 1, 2),
        ({"ids": 1, "mask": 2, "labels": 3}, {"ids": 1, "mask": 2}, 3),
        (Encoding(ids=1, y=3), {"ids": 1}, 3),
        ({"ids": 1}, {"ids": 1}, None),
        (1, 1, None),
    ],
)
def test_inputs_and_target(batch: Any, inputs: Any, target: Any) -> None:
    assert inputs_and_target(batch) == (inputs, target)


def test_how_a_model_is_called() -> None:
    def model(*positional: Any, **named: Any) -> Any:
        return positional, named

    assert call(model, (1, 2)) == ((1,), {})
    assert call(model, ((1, 2), 3)) == ((1, 2), {})
    assert call(model, {"a": 1, "labels": 2}) == ((), {"a": 1})


def test_shapes_in_words() -> None:
    assert shapes_of((torch.zeros(2, 3), {"y": torch.zeros(2, dtype=torch.int64)})) == "(2, 3) float32, (2,) int64"
    assert shapes_of("text") == "no tensors"


def test_finite_values_pass_and_others_are_named() -> None:
    check_finite((torch.zeros(2), torch.tensor([1]), "text"), "data", 0)
    bad = torch.zeros(4, 2, 2)
    bad[2, 1] = float("nan")
    with pytest.raises(
        UnusableInputError, match=r"data holds 2 values that are NaN or Inf \(batch 5, first in sample 2"
    ):
        check_finite({"x": torch.zeros(4), "bad": bad}, "data", 5)
    with pytest.raises(UnusableInputError, match=r"holds 1 values"):
        check_finite(torch.tensor(float("inf")), "data", 0)
