"""Reads a pickle as data: a stack machine for all of its instructions, without any way to import or call something.

Python's own Unpickler looks up names and calls what it finds. Here a name stays a name (`Global`), and a call becomes
a `Record` of itself, unless it is one of a few harmless ones, for which `rebuild` makes a value of ours. There is
nothing to bypass: no import, no getattr, no call of anything that the file names.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import replace

from steadynorm.artifacts.pickle_records import Attributed, Global, Piece, Record, as_key
from steadynorm.artifacts.pickle_stream import LARGE, PickleStream
from steadynorm.errors import UnusableInputError

MOST_INSTRUCTIONS = 4_000_000
MOST_CONTAINERS = 1_000_000
MOST_DIGITS = 1024
MOST_TEXT = 1 << 26
"""Bytes of all the strings, names and long numbers of one pickle together; a character may take 4 in memory."""

Rebuild = Callable[[Record], object]
Persistent = Callable[[object], object]

_COUNTED_TEXT = {b"X": ("<I", 4), b"\x8c": ("<B", 1), b"\x8d": ("<Q", 8)}
_COUNTED_BYTES = {b"B": ("<I", 4), b"C": ("<B", 1), b"\x8e": ("<Q", 8), b"\x96": ("<Q", 8)}
_COUNTED_OLD_TEXT = {b"T": ("<I", 4), b"U": ("<B", 1)}
_NUMBERS = {b"J": ("<i", 4), b"M": ("<H", 2)}
_CONSTANTS = {b"N": None, b"\x88": True}

_PUT_LONG, _PUT, _GET, _ONE_BYTE, _MARK, _TUPLE, _REDUCE, _TEXT, _EMPTY, _ONE, _FALSE, _PERSISTENT, _STOP = (
    b"rqhK(tRX)\x85\x89Q."
)
_FOUR = struct.Struct("<I")


class PickleMachine:
    """Runs one pickle.

    Arguments:
        stream: its bytes; afterwards it stands behind the pickle.
        rebuild: gets every record when its arguments are there, and returns it or what stands for it.
        persistent: makes a value of a persistent id.
    """

    def __init__(self, stream: PickleStream, rebuild: Rebuild, persistent: Persistent) -> None:
        self._stream = stream
        self._rebuild = rebuild
        self._persistent = persistent
        self._stack: list[object] = []
        self._marked: list[list[object]] = []
        self._memo: dict[int, object] = {}
        self._containers = 0
        self._text = 0
        self.globals: dict[str, int] = {}

    def run(self) -> object:
        """The value that the pickle describes.

        Raises:
            UnusableInputError: the pickle is damaged, or larger than any that a training writes.
        """
        # State dicts consist of few instructions, repeated for every tensor. These are followed here, in the order of
        # how often they come: a call for each would take longer than all the rest of reading the file.
        stream, stack, memo = self._stream, self._stack, self._memo
        window, at, last = stream.window()
        try:
            for _ in range(MOST_INSTRUCTIONS):
                if at >= last:
                    stream.go_on(at)
                    window, at, last = stream.window()
                code = window[at]
                at += 1
                if code == _PUT_LONG:
                    memo[_FOUR.unpack_from(window, at)[0]] = stack[-1]
                    at += 4
                elif code == _GET:
                    stack.append(memo[window[at]])
                    at += 1
                elif code == _ONE_BYTE:
                    stack.append(window[at])
                    at += 1
                elif code == _MARK:
                    self._marked.append(stack)
                    self._stack = stack = []
                elif code == _TUPLE:
                    self._stack = stack = self._made(stack)
                elif code == _REDUCE:
                    arguments = stack.pop()
                    self._count_container()
                    stack[-1] = self._rebuild(Record(stack[-1], arguments))
                elif (
                    code == _TEXT and (stop := at + 4 + _FOUR.unpack_from(window, at)[0]) <= last and stop - at <= LARGE
                ):
                    self._count_text(stop - at)
                    stack.append(str(window[at + 4 : stop], "utf-8", "surrogatepass"))
                    at = stop
                elif code == _EMPTY:
                    stack.append(())
                elif code == _ONE:
                    self._count_container()
                    stack[-1] = (stack[-1],)
                elif code == _FALSE:
                    stack.append(False)
                elif code == _PERSISTENT:
                    self._count_container()
                    stack[-1] = self._persistent(stack[-1])
                elif code == _PUT:
                    memo[window[at]] = stack[-1]
                    at += 1
                elif code == _STOP:
                    stream.go_on(at)
                    return stack.pop()
                else:
                    stream.go_on(at)
                    self._other(code)
                    stack = self._stack
                    window, at, last = stream.window()
        except UnusableInputError:
            raise
        except (ValueError, OverflowError, IndexError, KeyError) as error:
            stream.go_on(at)
            raise stream.broken(_explained(error)) from error
        raise stream.broken(f"it has more than {MOST_INSTRUCTIONS} instructions")

    def _other(self, code: int) -> None:
        instruction, name = _INSTRUCTIONS[code]
        try:
            instruction(self, name)
        except UnusableInputError:
            raise
        except (ValueError, OverflowError, IndexError, KeyError) as error:
            raise self._stream.broken(_explained(error)) from error

    def _unknown(self, code: bytes) -> None:
        raise self._stream.broken(f"there is no instruction {code[0]:#04x}")

    # The stack: what lies below each mark waits until what was put onto it is taken together

    def _pop(self) -> object:
        return self._stack.pop()

    def _top(self) -> object:
        return self._stack[-1]

    def _pop_to_mark(self) -> list[object]:
        if not self._marked:
            raise self._stream.broken("it ends a sequence that never began")
        values = self._stack
        self._stack = self._marked.pop()
        return values

    def _made(self, values: list[object]) -> list[object]:
        """The stack below the last mark, with a tuple of what lay above it."""
        self._count_container()
        below = self._marked.pop() if self._marked else self._pop_to_mark()
        below.append(tuple(values))
        return below

    def _count_text(self, count: int) -> None:
        self._text += count
        if self._text > MOST_TEXT:
            raise self._stream.broken(f"it has more than {MOST_TEXT} bytes of strings")

    def _line(self) -> bytes:
        line = self._stream.line()
        self._count_text(len(line))
        return line

    def _count_container(self) -> None:
        self._containers += 1
        if self._containers > MOST_CONTAINERS:
            raise self._stream.broken(f"it has more than {MOST_CONTAINERS} objects")

    # Plain values

    def _constant(self, code: bytes) -> None:
        self._stack.append(_CONSTANTS[code])

    def _number(self, code: bytes) -> None:
        self._stack.append(self._stream.number(*_NUMBERS[code]))

    def _long(self, code: bytes) -> None:
        count = self._stream.number("<B", 1) if code == b"\x8a" else self._stream.number("<i", 4)
        if not 0 <= count <= MOST_DIGITS:
            raise self._stream.broken(f"a number of {count} bytes")
        self._count_text(count)
        self._stack.append(int.from_bytes(self._stream.take(count), "little", signed=True))

    def _decimal(self, code: bytes) -> None:
        line = self._line()
        if len(line) > MOST_DIGITS:
            raise self._stream.broken(f"a number of {len(line)} digits")
        if code == b"I" and line in (b"00", b"01"):
            self._stack.append(line == b"01")
        else:
            self._stack.append(int(line.removesuffix(b"L"), 10))

    def _float(self, code: bytes) -> None:
        if code == b"G":
            self._stack.append(float(struct.unpack(">d", self._stream.take(8))[0]))
        else:
            self._stack.append(float(self._line()[:MOST_DIGITS]))

    def _counted(self, form: tuple[str, int]) -> bytes | Piece:
        count = self._stream.number(*form)
        if count > LARGE:
            return Piece(self._stream.source, *self._stream.skip(count))
        self._count_text(count)
        return self._stream.take(count)

    def _counted_text(self, code: bytes) -> None:
        data = self._counted(_COUNTED_TEXT[code])
        if isinstance(data, Piece):
            self._stack.append(replace(data, text=True))
        else:
            self._stack.append(data.decode("utf-8", "surrogatepass"))

    def _counted_bytes(self, code: bytes) -> None:
        self._stack.append(self._counted(_COUNTED_BYTES[code]))

    def _counted_old_text(self, code: bytes) -> None:
        data = self._counted(_COUNTED_OLD_TEXT[code])
        self._stack.append(data if isinstance(data, Piece) else _old_text(data))

    def _line_text(self, code: bytes) -> None:
        line = self._line()
        if code == b"V":
            self._stack.append(line.decode("raw_unicode_escape"))
            return
        if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
            raise self._stream.broken("a string without quotes")
        self._stack.append(_old_text(_ESCAPE.sub(_unescaped, line[1:-1])))

    # Containers

    def _tuple(self, code: bytes) -> None:
        values = [self._pop() for _ in range(2 if code == b"\x86" else 3)]
        self._count_container()
        self._stack.append(tuple(reversed(values)))

    def _list(self, code: bytes) -> None:
        self._count_container()
        self._stack.append([] if code == b"]" else self._pop_to_mark())

    def _dict(self, code: bytes) -> None:
        self._count_container()
        made: dict[object, object] = {}
        self._set(made, [] if code == b"}" else self._pop_to_mark())
        self._stack.append(made)

    def _set_of(self, code: bytes) -> None:
        """A set or frozenset: its members stay a list, so that none of them is hashed."""
        self._count_container()
        name = "set" if code == b"\x8f" else "frozenset"
        items = [] if code == b"\x8f" else self._pop_to_mark()
        self._stack.append(Record(Global("builtins", name), items=items))

    def _append(self, code: bytes) -> None:
        values = [self._pop()] if code == b"a" else self._pop_to_mark()
        target = self._top()
        if isinstance(target, list):
            target.extend(values)
        elif isinstance(target, Record):
            target.items = [] if target.items is None else target.items
            target.items.extend(values)
        else:
            raise self._stream.broken("it appends to what is no list")

    def _set_items(self, code: bytes) -> None:
        if code == b"s":
            value, key = self._pop(), self._pop()
            values = [key, value]
        else:
            values = self._pop_to_mark()
        target = self._top()
        if isinstance(target, Record):
            target.entries = {} if target.entries is None else target.entries
            target = target.entries
        if not isinstance(target, dict):
            raise self._stream.broken("it sets entries of what is no dict")
        self._set(target, values)

    def _set(self, target: dict[object, object], values: list[object]) -> None:
        if len(values) % 2:
            raise self._stream.broken("a key without a value")
        for at in range(0, len(values), 2):
            target[as_key(values[at])] = values[at + 1]

    # Names and calls, none of which is followed

    def _name(self, module: object, name: object) -> Global:
        if not isinstance(module, str) or not isinstance(name, str):
            raise self._stream.broken("a name that is no string")
        # Two names that are kept can be joined again and again.
        self._count_text(len(module) + len(name))
        found = Global(module, name)
        self.globals[found.path] = self.globals.get(found.path, 0) + 1
        self._count_container()
        return found

    def _global(self, code: bytes) -> None:
        if code == b"c":
            module, name = (self._line().decode("utf-8") for _ in range(2))
            self._stack.append(self._name(module, name))
        else:
            name_given, module_given = self._pop(), self._pop()
            self._stack.append(self._name(module_given, name_given))

    def _extension(self, code: bytes) -> None:
        form = {b"\x82": ("<B", 1), b"\x83": ("<H", 2), b"\x84": ("<i", 4)}[code]
        self._stack.append(self._name("copyreg", f"extension {self._stream.number(*form)}"))

    def _make(self, maker: object, arguments: object) -> None:
        self._count_container()
        self._stack.append(self._rebuild(Record(maker, arguments)))

    def _new(self, code: bytes) -> None:
        arguments, maker = self._pop(), self._pop()
        self._make(maker, arguments)

    def _new_with_names(self, code: bytes) -> None:
        named, arguments, maker = self._pop(), self._pop(), self._pop()
        self._make(maker, (arguments, named))

    def _old_instance(self, code: bytes) -> None:
        if code == b"i":
            module, name = (self._line().decode("utf-8") for _ in range(2))
            maker: object = self._name(module, name)
            arguments = self._pop_to_mark()
        else:
            maker, *arguments = self._pop_to_mark() or [None]
        self._make(maker, tuple(arguments))

    def _build(self, code: bytes) -> None:
        state, target = self._pop(), self._top()
        if isinstance(target, Record):
            target.state = state
        elif isinstance(target, Attributed):
            target.attributes = state
        # What else it could be has no state that anyone reads.

    def _persistent_line(self, code: bytes) -> None:
        self._count_container()
        self._stack.append(self._persistent(self._line().decode("utf-8")))

    # Order

    def _drop(self, code: bytes) -> None:
        if code == b"0" and self._stack:
            self._stack.pop()
        else:
            self._pop_to_mark()

    def _double(self, code: bytes) -> None:
        self._stack.append(self._top())

    def _put(self, code: bytes) -> None:
        self._memo[self._place()] = self._top()

    def _memoize(self, code: bytes) -> None:
        self._memo[len(self._memo)] = self._top()

    def _get(self, code: bytes) -> None:
        self._stack.append(self._memo[self._stream.number("<I", 4) if code == b"j" else self._place()])

    def _place(self) -> int:
        return int(self._line()[:MOST_DIGITS], 10)

    def _protocol(self, code: bytes) -> None:
        if (version := self._stream.number("<B", 1)) > 5:
            raise self._stream.broken(f"protocol {version}; expected at most 5")

    def _frame(self, code: bytes) -> None:
        self._stream.take(8)

    def _outside(self, code: bytes) -> None:
        raise self._stream.broken("parts of it were kept elsewhere (out-of-band buffers)")


_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def _unescaped(found: re.Match[bytes]) -> bytes:
    what = found[1]
    if what[:1] == b"x" and len(what) == 3:
        return bytes([int(what[1:], 16)])
    if what.isdigit() and what[0] < ord("8"):
        return bytes([int(what, 8) & 0xFF])
    return _ESCAPED.get(what, what)


def _explained(error: Exception) -> str:
    if isinstance(error, IndexError):
        return "it takes more values than it made"
    return f"it asks for value {error}, which it never kept" if isinstance(error, KeyError) else "a value is not valid"


def _old_text(data: bytes) -> str | bytes:
    """Python 2 had one type for text and bytes: text where it can be."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


_Instruction = Callable[[PickleMachine, bytes], None]

_OTHERS: dict[bytes, _Instruction] = {
    code: instruction
    for codes, instruction in (
        (_CONSTANTS, PickleMachine._constant),
        (_NUMBERS, PickleMachine._number),
        ((b"\x8a", b"\x8b"), PickleMachine._long),
        ((b"I", b"L"), PickleMachine._decimal),
        ((b"G", b"F"), PickleMachine._float),
        (_COUNTED_TEXT, PickleMachine._counted_text),
        (_COUNTED_BYTES, PickleMachine._counted_bytes),
        (_COUNTED_OLD_TEXT, PickleMachine._counted_old_text),
        ((b"S", b"V"), PickleMachine._line_text),
        ((b"\x86", b"\x87"), PickleMachine._tuple),
        ((b"]", b"l"), PickleMachine._list),
        ((b"}", b"d"), PickleMachine._dict),
        ((b"\x8f", b"\x91"), PickleMachine._set_of),
        ((b"a", b"e", b"\x90"), PickleMachine._append),
        ((b"s", b"u"), PickleMachine._set_items),
        ((b"c", b"\x93"), PickleMachine._global),
        ((b"\x82", b"\x83", b"\x84"), PickleMachine._extension),
        ((b"\x81",), PickleMachine._new),
        ((b"\x92",), PickleMachine._new_with_names),
        ((b"i", b"o"), PickleMachine._old_instance),
        ((b"b",), PickleMachine._build),
        ((b"P",), PickleMachine._persistent_line),
        ((b"0", b"1"), PickleMachine._drop),
        ((b"2",), PickleMachine._double),
        ((b"p",), PickleMachine._put),
        ((b"\x94",), PickleMachine._memoize),
        ((b"g", b"j"), PickleMachine._get),
        ((b"\x80",), PickleMachine._protocol),
        ((b"\x95",), PickleMachine._frame),
        ((b"\x97", b"\x98"), PickleMachine._outside),
    )
    for code in codes
}
"""What the loop does not follow itself."""

_INSTRUCTIONS = [(_OTHERS.get(bytes([code]), PickleMachine._unknown), bytes([code])) for code in range(256)]
