"""A symbolic run of a program whose inputs are all known comes to what Python comes to when it executes it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

Shown = Callable[..., list[object]]

PROGRAMS = {
    "arithmetic": "show(3 * 4 - 2 ** 5); show(7 // 2); show(1 - 0.9); show(-(3)); show('a' + 'b')",
    "comparisons": "show(3 < 4); show(None is None); show('x' in 'xyz'); show(1 == True); show(not 0)",
    "boolean operators give operands": "show(0 or 'b'); show(1 and 2); show('' or None); show(None or 0)",
    "strings": "show('conv%d' % 3); show(f'block{1}/{\"a\"}'); show('A'.lower()); show('{}-{}'.format(1, 'b'))",
    "lists": "a = [1, 2]; a.append(3); a.extend([4]); a += [5]; a.insert(0, 0)\nfor x in a: show(x)\nshow(len(a)); show(a[-1])",
    "a list has several names": "a = []; b = a; b.append(7); show(a[0]); show(len(a))",
    "slices": "a = [1, 2, 3, 4]\nfor x in a[1:3]: show(x)\nshow(a[:-1][-1])",
    "what a list is popped of": "a = [1, 2]; show(a.pop()); show(len(a))",
    "dicts": "d = {'a': 1}; d['b'] = 2; d.update(c=3)\nfor k, v in d.items(): show(k); show(v)\nshow(d.get('z', 9)); show(d.pop('a'))",
    "unpacking": "a, (b, c) = 1, (2, 3); show(a); show(c); x = y = 4; show(y)",
    "enumerate and zip": "for i, (a, b) in enumerate(zip([1, 2], ['p', 'q'])): show(i); show(a); show(b)",
    "comprehensions": "for x in [2 * n for n in range(3)]: show(x)",
    "conditional expressions": "show(1 if 2 > 1 else 0)",
    "walrus": "if (n := 3) > 2: show(n)",
    "defaults and keywords": "def f(a, b=2, *, c=3): show(a); show(b); show(c)\nf(1); f(1, c=5); f(b=7, a=6)",
    "stars": "def f(*args, **kw): show(len(args)); show(kw['k'])\nf(1, 2, k=3); f(*[1, 2, 3], **{'k': 'v'})",
    "closures": "def make(n):\n    def inner(x): return x + n\n    return inner\nshow(make(2)(3))",
    "lambdas": "show((lambda x, y=2: x * y)(5))",
    "recursion that ends": "def f(n): return 0 if n == 0 else 1\nshow(f(0)); show(f(1))",
    "early returns": "def f(x):\n    if x > 2: return 'big'\n    return 'small'\nshow(f(3)); show(f(1))",
    "globals": "n = 1\ndef f():\n    global n\n    n = 2\nf(); show(n)",
    "nonlocals": "def f():\n    n = 1\n    def g():\n        nonlocal n\n        n = 5\n    g(); return n\nshow(f())",
    "partials": "from functools import partial\ndef f(a, b, c=0): show(a); show(b); show(c)\npartial(f, 1, c=9)(2)",
    "decorators": "def twice(f):\n    def g(*a, **k): return f(*a, **k) * 2\n    return g\n@twice\ndef f(x): return x\nshow(f(4))",
    "decorators that register": "found = {}\ndef reg(f): found[f.__name__] = 1; return f\n@reg\ndef f(): return 3\n@reg\ndef g(): return 4\nshow(f()); show(g())",
    "objects": "class A:\n    k = 5\n    def __init__(self, x): self.x = x\n    def m(self): return self.x + self.k\na = A(2); show(a.m()); a.x = 10; show(a.m())",
    "inheritance and super": "class A:\n    def __init__(self, x): self.x = x\n    def m(self): return 'A'\nclass B(A):\n    def __init__(self): super().__init__(7)\n    def m(self): return 'B' + super().m()\nb = B(); show(b.x); show(b.m())",
    "the old form of super": "class A(object):\n    def m(self): return 1\nclass B(A):\n    def m(self): return super(B, self).m() + 1\nshow(B().m())",
    "properties": "class A:\n    def __init__(self): self._x = 3\n    @property\n    def x(self): return self._x\n    @x.setter\n    def x(self, v): self._x = v\nshow(A().x)",
    "static and class methods": "class A:\n    n = 2\n    @staticmethod\n    def s(x): return x\n    @classmethod\n    def c(cls): return cls.n\nshow(A.s(1)); show(A().s(2)); show(A.c()); show(A().c())",
    "calls of objects": "class A:\n    def __call__(self, x): return x + 1\nshow(A()(1))",
    "dataclasses": "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n    y: int = 4\na = A(1); show(a.x); show(a.y); show(A(x=2, y=3).y)",
    "getattr and setattr": "class A: pass\na = A(); setattr(a, 'n%d' % 1, 8); show(a.n1); show(getattr(a, 'n1')); show(hasattr(a, 'n1'))",
    "isinstance": "class A: pass\nclass B(A): pass\nshow(isinstance(B(), A)); show(isinstance(A(), B)); show(isinstance(3, int))",
    "context managers of the program's own": "class C:\n    def __enter__(self): show('in'); return 5\n    def __exit__(self, *e): show('out')\nwith C() as c: show(c)",
    "context managers that yield": "from contextlib import contextmanager\n@contextmanager\ndef c(n):\n    show('in'); yield n + 1; show('out')\nwith c(1) as x: show(x)",
    "exceptions": "try:\n    show(1)\nfinally:\n    show(2)",
    "loops that break": "for x in [1, 2, 3]:\n    if x == 2: break\n    show(x)\nelse: show('else')",
    "loops that go on": "for x in [1, 2, 3]:\n    if x == 2: continue\n    show(x)",
    "while that never runs": "while False: show(1)\nshow(2)",
    "match": "def f(): return 3\nshow(f())",
    "assigned in a chain of ifs": "x = 2\nif x == 1: y = 'a'\nelif x == 2: y = 'b'\nelse: y = 'c'\nshow(y)",
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_known_program_comes_to_what_python_comes_to(
    program: str, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"from probe import show\n{program}\n"
    really: list[object] = []
    probe: Any = ModuleType("probe")
    probe.show = really.append
    monkeypatch.setitem(sys.modules, "probe", probe)
    exec(compile(text, "program", "exec"), {"__name__": "__main__"})
    assert really
    assert shown(text) == really
    assert [type(value) for value in shown(text)] == [type(value) for value in really]


def test_huge_constants_are_not_worked_out(shown: Shown) -> None:
    text = """
        from probe import show
        show(10 ** 10 ** 8)
        show("a" * 10 ** 9)
        show("%1000000000d" % 1)
        show("{:>1000000000}".format(1))
        show(len(range(10 ** 12)))
        show([0] * 10 ** 9)
    """
    assert all(isinstance(value, str) and len(value) < 20 for value in shown(dedent(text)))
