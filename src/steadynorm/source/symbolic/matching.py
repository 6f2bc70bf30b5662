"""`match` on constants, as the `if`s that it stands for."""

from __future__ import annotations

import ast


def as_ifs(node: ast.Match) -> ast.stmt | None:
    """What a `match` means whose cases only compare the subject with constants, and have no guards.

    Arguments:
        node: the statement.

    Returns:
        the `if` with its `elif`s; `None` if a case takes something apart or gives it a name, or the subject is a call.
    """
    if any(isinstance(each, ast.Call | ast.Await | ast.NamedExpr) for each in ast.walk(node.subject)):
        return None
    rest: list[ast.stmt] = []
    for case in reversed(node.cases):
        if case.guard is not None:
            return None
        if isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and case.pattern.name is None:
            rest = case.body
            continue
        test = _test(node.subject, case.pattern)
        if test is None:
            return None
        rest = [ast.copy_location(ast.If(test, case.body, rest), case.pattern)]
    return rest[0] if len(rest) == 1 and isinstance(rest[0], ast.If) else None


def _test(subject: ast.expr, pattern: ast.pattern) -> ast.expr | None:
    if isinstance(pattern, ast.MatchValue):
        return ast.copy_location(ast.Compare(subject, [ast.Eq()], [pattern.value]), pattern)
    if isinstance(pattern, ast.MatchSingleton):
        constant = ast.copy_location(ast.Constant(pattern.value), pattern)
        return ast.copy_location(ast.Compare(subject, [ast.Is()], [constant]), pattern)
    if isinstance(pattern, ast.MatchOr):
        tests = [_test(subject, each) for each in pattern.patterns]
        known = [each for each in tests if each is not None]
        return ast.copy_location(ast.BoolOp(ast.Or(), known), pattern) if len(known) == len(tests) else None
    return None
