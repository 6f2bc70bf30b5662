"""The machine that reads pickles, against Python's own, wherever the parts of a pickle happen to lie."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadynorm.artifacts import pickle_stream
from steadynorm.artifacts.pickle_machine import PickleMachine
from steadynorm.artifacts.pickle_stream import PickleStream
from steadynorm.artifacts.source import of_bytes
from steadynorm.errors import UnusableInputError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 80), 1 << 80) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inside: (
        st.lists(inside)
        | st.tuples(inside)
        | st.tuples(inside, inside)
        | st.tuples(inside, inside, inside, inside)
        | st.dictionaries(st.text() | st.integers(-(1 << 59), 1 << 59), inside)
    ),
    max_leaves=60,
)


def machine(data: bytes, start: int = 0) -> PickleMachine:
    stream = PickleStream(of_bytes("a.pkl", data), start)
    return PickleMachine(stream, lambda record: record, lambda given: ("persistent", given))


@given(PLAIN, st.sampled_from([2, 3, 4, 5]), st.integers(16, 200))
@settings(max_examples=300)
def test_plain_values(value: Any, protocol: int, window: int) -> None:
    """The window is far smaller than usual, so that instructions of every kind lie across its end."""
    data = pickle.dumps(value, protocol)
    if protocol == 2 and (b"c_codecs\n" in data or b"c__builtin__\n" in data):
        data = pickle.dumps(value, 3)  # where there was no instruction for bytes, they are a call
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pickle_stream, "WINDOW", window)

        assert machine(b"before" + data + b"behind", 6).run() == value


@given(PLAIN, st.sampled_from([2, 4]), st.data())
@settings(max_examples=200)
def test_cut_off_anywhere(value: Any, protocol: int, data: st.DataObject) -> None:
    whole = pickle.dumps(value, protocol)
    kept = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(UnusableInputError, match="damaged at byte"):
        machine(whole[:kept]).run()


def test_what_follows_a_pickle_is_left_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_stream, "WINDOW", 16)
    values = [list(range(100)), {"a": (1, 2, 3)}, "text" * 50, ()]
    stream = PickleStream(of_bytes("a.pkl", b"".join(pickle.dumps(each, 2) for each in values) + b"rest"))

    assert [PickleMachine(stream, lambda record: record, lambda given: given).run() for _ in values] == values
    assert stream.take(4) == b"rest"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it ends there"),
        (b"K", "it ends there; 1 more bytes were expected"),
        (b"}r\x01\x00", "it ends there; 2 more bytes were expected"),
        (b"K\x01", "it ends there; more instructions were expected"),
        (b"X\x05\x00\x00\x00abc", "5 more bytes were expected"),
        (b"h\x07.", "it asks for value 7, which it never kept"),
        (b"j\x07\x00\x00\x01.", "it asks for value 16777223, which it never kept"),
        (b".", "takes more values"),
        (b"q\x00.", "takes more values"),
        (b"r\x00\x00\x00\x00.", "takes more values"),
        (b"\x85.", "takes more values"),
        (b"K\x01(\x85.", "takes more values"),
        (b"K\x01(R.", "takes more values"),
        (b"K\x01(.", "takes more values"),
        (b"Q.", "takes more values"),
        (b"t.", "ends a sequence that never began"),
        (b"u.", "ends a sequence that never began"),
        (b"1.", "ends a sequence that never began"),
        (b"\x00.", "there is no instruction 0x00"),
        (b"\xff.", "there is no instruction 0xff"),
        (b"Iabc\n.", "a value is not valid"),
        (b"gx\n.", "a value is not valid"),
        (b"X\x01\x00\x00\x00\xff.", "a value is not valid"),
        (b"\x80\x06.", "protocol 6"),
    ],
)
def test_damage_is_said(data: bytes, said: str) -> None:
    with pytest.raises(UnusableInputError, match=r"^a\.pkl: its pickle is damaged at byte \d+: .*" + said):
        machine(data).run()


def test_a_mark_is_dropped_like_a_value() -> None:
    assert machine(b"K\x01(0.").run() == 1
    assert machine(b"K\x01(K\x02K\x031.").run() == 1
