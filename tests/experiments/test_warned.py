"""Warnings that a step repeats."""

from __future__ import annotations

import warnings

import pytest

from steadynorm.experiments.warned import warned_once


def repeated() -> None:
    for _ in range(3):
        with warnings.catch_warnings():  # which lets Python forget what it has shown
            warnings.warn("no gradient", UserWarning, stacklevel=2)
        warnings.warn("another", FutureWarning, stacklevel=2)


def test_each_is_shown_once() -> None:
    with pytest.warns() as shown, warned_once():
        repeated()

    assert [(str(each.message), each.category) for each in shown] == [
        ("no gradient", UserWarning),
        ("another", FutureWarning),
    ]


def test_they_are_shown_where_the_code_raises() -> None:
    def raising() -> None:
        repeated()
        raise ValueError("stop")

    with pytest.warns() as shown, pytest.raises(ValueError, match="stop"), warned_once():
        raising()

    assert len(shown) == 2


def test_those_that_are_errors_remain_errors() -> None:
    with pytest.raises(UserWarning, match="no gradient"), warned_once():
        repeated()
