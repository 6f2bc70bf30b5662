"""Arguments of calls put in, replaced and taken out."""

from __future__ import annotations

import ast

import pytest

from steadynorm.fix import Edit
from steadynorm.source.editing.edits import applied
from steadynorm.source.fixes import arguments
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.reading.files import SourceFile, newline_of


def file_with(text: str) -> SourceFile:
    return SourceFile("a.py", text, newline=newline_of(text))


def call_in(file: SourceFile, name: str = "f") -> ast.Call:
    """The call of the function or method called so."""
    return next(
        node
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name
    )


def done(text: str, edits: tuple[Edit, ...]) -> str:
    found = applied(text, edits)
    ast.parse(found)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f()", "f(x=1)"),
        ("f(a)", "f(a, x=1)"),
        ("f(a,)", "f(a, x=1,)"),
        ("f((a))", "f((a), x=1)"),
        ("f((a), (b + c))", "f((a), (b + c), x=1)"),
        ("f(a)(b)", None),
        ("g(f(a, g(b)), c)", "g(f(a, g(b), x=1), c)"),
        ("(lambda y: f(y, 2))(3)", "(lambda y: f(y, 2, x=1))(3)"),
        ("f(lambda y: (y, 1))", "f(lambda y: (y, 1), x=1)"),
        ("f(i for i in a)", "f((i for i in a), x=1)"),
        ("f((i for i in a))", "f((i for i in a), x=1)"),
        ("f(*a)", "f(*a, x=1)"),
        ("f(a, **k)", "f(a, x=1, **k)"),
        ("f(**k)", "f(x=1, **k)"),
        ("f(y=1, *a)", "f(y=1, *a, x=1)"),
        ("f('ü', \"),(\")", "f('ü', \"),(\", x=1)"),
        ("'ü'; f('é')", "'ü'; f('é', x=1)"),
        ("f(a, [b, c], {d: e}, g[h, i])", "f(a, [b, c], {d: e}, g[h, i], x=1)"),
        ("h = (z\n     .f(a))", "h = (z\n     .f(a, x=1))"),
        ("f(a,\n  b)", "f(a,\n  b, x=1)"),
        ("f(\n    a,\n    b,\n)", "f(\n    a,\n    b,\n    x=1,\n)"),
        ("f(\n    a,\n    b\n)", "f(\n    a,\n    b,\n    x=1\n)"),
        ("f(\n    a,\n    b,  # why\n)", "f(\n    a,\n    b,  # why\n    x=1,\n)"),
        ("f(\n    a,\n    b  # why, (\n)", "f(\n    a,\n    b,  # why, (\n    x=1\n)"),
        ("f(\n\ta,\n)", "f(\n\ta,\n\tx=1,\n)"),
        ("f(\r\n    a,\r\n)\r\n", "f(\r\n    a,\r\n    x=1,\r\n)\r\n"),
        ("f(\n    a,\n    **k,\n)", "f(\n    a,\n    x=1,\n    **k,\n)"),
        ("f(  # none\n)", "f(x=1  # none\n)"),
        ("if a: f(b); c", "if a: f(b, x=1); c"),
        ("@f(a)\ndef g(): pass", "@f(a, x=1)\ndef g(): pass"),
        ("f(a, # one\n  b) # two", "f(a, # one\n  b, x=1) # two"),
        ("f(f'{a}, {b!r}')", "f(f'{a}, {b!r}', x=1)"),
        ("f(a if b else c)", "f(a if b else c, x=1)"),
        ("f(a := 3)", "f(a := 3, x=1)"),
        (f"y = f({'a' * 80}, {'b' * 9})", f"y = f(\n    {'a' * 80}, {'b' * 9}, x=1\n)"),
        (f"y = f({'a' * 80}, {'b' * 10})", f"y = f(\n    {'a' * 80},\n    {'b' * 10},\n    x=1,\n)"),
        (f"y = g({'a' * 80}, f(b), c)", f"y = g(\n    {'a' * 80}, f(b, x=1), c\n)"),
        (f"y = g({'a' * 83}, f(b), c=d)", f"y = g(\n    {'a' * 83},\n    f(b, x=1),\n    c=d,\n)"),
        (f"y = f({'a' * 79}).g({'b' * 8})", f"y = f(\n    {'a' * 79}, x=1\n).g({'b' * 8})"),
        (
            f"y = [f(a, {'b' * 52}) for a, c in zip({'d' * 14})]",
            f"y = [\n    f(a, {'b' * 52}, x=1) for a, c in zip({'d' * 14})\n]",
        ),
        (
            f"y = [f(a, {'b' * 52}) for c in {'d' * 15} for a in c]",
            f"y = [\n    f(a, {'b' * 52}, x=1)\n    for c in {'d' * 15}\n    for a in c\n]",
        ),
        (
            f"y = {{'{'a' * 63}': f(b), 'c': [d, e, f, g]}}",
            f"y = {{\n    '{'a' * 63}': f(b, x=1), 'c': [d, e, f, g]\n}}",
        ),
        (f"y = [g({'a' * 82}), f(b)]", f"y = [\n    g({'a' * 82}), f(b, x=1)\n]"),
        (f"y = g(h({'a' * 78}, f(b)), c)", f"y = g(\n    h({'a' * 78}, f(b, x=1)), c\n)"),
        (f"y = g({'a' * 85}, f(b),)", f"y = g({'a' * 85}, f(\n    b, x=1\n),)"),
        (f"y = g({'a' * 76}, f(b), f'{{c}}')", f"y = g(\n    {'a' * 76}, f(b, x=1), f'{{c}}'\n)"),
        (f"with g({'a' * 82}, f(b)):\n\tpass", f"with g(\n\t{'a' * 82}, f(b, x=1)\n):\n\tpass"),
        (f"if a:\r\n  g({'a' * 82}, f(b), c)\r\n", f"if a:\r\n  g(\r\n    {'a' * 82}, f(b, x=1), c\r\n  )\r\n"),
        (
            f"y = g(\n    hhhhhhhh({'a' * 75}, f(b), c),\n)",
            f"y = g(\n    hhhhhhhh(\n        {'a' * 75}, f(b, x=1), c\n    ),\n)",
        ),
        (f"y = g({'a' * 120}, f(b))", f"y = g(\n    {'a' * 120},\n    f(b, x=1),\n)"),
        (f"y = f({'a' * 80}, {'b' * 4})  # {'why' * 20}", f"y = f({'a' * 80}, {'b' * 4}, x=1)  # {'why' * 20}"),
        (f"y = f({'a' * 80}, {'b' * 10}); z = y", f"y = f({'a' * 80}, {'b' * 10}, x=1); z = y"),
        (f"z = 1; y = f({'a' * 80}, {'b' * 10})", f"z = 1; y = f({'a' * 80}, {'b' * 10}, x=1)"),
        (f"y = f(a,\n      {'b' * 90})", f"y = f(a,\n      {'b' * 90},\n      x=1)"),
    ],
)
def test_argument_is_put_in(text: str, expected: str | None) -> None:
    file = file_with(text)
    call = call_in(file)
    if expected is None:
        expected = "f(a, x=1)(b)"

    assert done(text, arguments.insert_keyword(file, call, "x", "1")) == expected
    assert done(text, arguments.set_keyword(file, call, "x", "1")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(x=1)", "f()"),
        ("f(x=1,)", "f()"),
        ("f(a, x=1)", "f(a)"),
        ("f(a, x=1,)", "f(a,)"),
        ("f(x=1, b=2)", "f(b=2)"),
        ("f(a, x=(1, 2), b=2)", "f(a, b=2)"),
        ("f(a, x = 1 , b=2)", "f(a, b=2)"),
        ("f(a, x=1, **k)", "f(a, **k)"),
        ("f(\n    a,\n    x=1,  # why\n    b=2,\n)", "f(\n    a,\n    b=2,\n)"),
        ("f(\n    a,\n    x=1,\n)", "f(\n    a,\n)"),
        ("f(\n    a,\n    x=1\n)", "f(\n    a\n)"),
        ("f(\n    a,  # why\n    x=1\n)", "f(\n    a  # why\n)"),
        ("f(\n    x=1,\n    b=2\n)", "f(\n    b=2\n)"),
        ("f(\n    x=g(\n        1,\n    ),\n    b=2\n)", "f(\n    b=2\n)"),
        ("f(a,\n  x=1)", "f(a)"),
        ("f(a,\r\n  x=1,\r\n  b=2)", "f(a,\r\n  b=2)"),
        ("'ü'; f('é', x='ß')", "'ü'; f('é')"),
    ],
)
def test_argument_is_taken_out(text: str, expected: str) -> None:
    file = file_with(text)

    assert done(text, arguments.remove_keyword(file, call_in(file), "x")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(x=1)", "f(x=True)"),
        ("f(a, x = (1), b=2)", "f(a, x = True, b=2)"),
        ("f(\n  x=g(\n    1),  # why\n  b=2)", "f(\n  x=True,  # why\n  b=2)"),
        ("f(x=True)", "f(x=True)"),
        ("f(x=lambda x=1: x)", "f(x=True)"),
    ],
)
def test_value_is_replaced(text: str, expected: str) -> None:
    file = file_with(text)

    assert done(text, arguments.set_keyword(file, call_in(file), "x", "True")) == expected


def test_positional_argument_is_replaced() -> None:
    file = file_with("f(a, (b), c)")

    assert done(file.text, arguments.replace_positional(file, call_in(file), 1, "x")) == "f(a, x, c)"
    with pytest.raises(NoFixError):
        arguments.replace_positional(file, call_in(file), 3, "x")
    starred = file_with("f(*a, b)")
    with pytest.raises(NoFixError):
        arguments.replace_positional(starred, call_in(starred), 1, "x")


def test_argument_that_is_not_there_is_no_fix() -> None:
    file = file_with("f(a, **k)")

    with pytest.raises(NoFixError):
        arguments.remove_keyword(file, call_in(file), "x")


def test_call_whose_place_is_wrong_is_no_fix() -> None:
    file = file_with("abc = f(1)")
    call = call_in(file)
    call.col_offset, call.end_col_offset = 0, 3

    with pytest.raises(NoFixError):
        arguments.insert_keyword(file, call, "x", "1")


def test_wider_files_keep_their_width() -> None:
    text = f"z = {'-' * 110}1\ny = f({'a' * 80}, {'b' * 10})"

    assert done(text, arguments.insert_keyword(file_with(text), call_in(file_with(text)), "x", "1")).endswith(", x=1)")


def test_long_files_of_short_lines_keep_theirs() -> None:
    text = "a\n" * 100 + f"y = f({'a' * 60}, {'b' * 8})"

    file = file_with(text)

    assert done(text, arguments.insert_keyword(file, call_in(file), "x", "1")).endswith(", x=1\n)")
