"""How much work the fixes of a project are: as much as it has code, however many findings are about it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

import pytest

from steadynorm.finding import Finding
from steadynorm.source.editing.edits import applied
from steadynorm.source.fixes.registry import fix_of, with_fixes
from steadynorm.source.reading.files import SourceFile
from steadynorm.source_check import SourceTask, checked

_COMMON = """
import torch


def evaluate(net, loader):
    with torch.no_grad():
        return sum((net(x).argmax(1) == y).sum().item() for x, y in loader)
"""

_IMPORTS = """
import torch
from torch import nn
from common import evaluate
"""

_PROGRAM = """

class Net{0}(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        return self.head(torch.relu(self.norm(self.conv(x))).mean((2, 3)))


def train{0}(loader, valid):
    net = Net{0}()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for epoch in range(10):
        for x, y in loader:
            loss = nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        print(evaluate(net, valid))


def test{0}(net, loader):
    for x, y in loader:
        print(net(x).argmax(1) == y)


def measure{0}(loader):
    net = Net{0}()
    net.load_state_dict(torch.load("net{0}.pt"))
    test{0}(net, loader)
"""


def _project(programs: int) -> dict[str, SourceFile]:
    """Files that were never looked at, so that nothing is known of their trees."""
    main = _IMPORTS + "".join(_PROGRAM.format(number) for number in range(programs))
    return {each.path: each for each in (SourceFile("common.py", _COMMON), SourceFile("main.py", main))}


def _findings(programs: int) -> list[Finding]:
    report = checked(list(_project(programs).values()), SourceTask()).report
    assert report is not None
    return [replace(each, fix=None) for each in report.findings]


@pytest.fixture
def visited(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ast.AST]]:
    """The syntax nodes whose children are looked at, by `ast.walk` too, as often as they are."""
    nodes: list[ast.AST] = []
    children = ast.iter_child_nodes

    def counted(node: ast.AST) -> Iterator[ast.AST]:
        nodes.append(node)
        return children(node)

    monkeypatch.setattr(ast, "iter_child_nodes", counted)
    return nodes


def test_twice_the_programs_take_twice_the_steps(visited: list[ast.AST]) -> None:
    steps = {}
    for programs in (8, 16):
        findings, files = _findings(programs), _project(programs)
        assert {"SN203", "SN201", "SN501"} == {each.code for each in findings}
        assert len(findings) == 3 * programs
        visited.clear()
        assert all(each.fix is not None for each in with_fixes(findings, files))
        steps[programs] = len(visited)
    # A search through the whole file for each finding would make it four times as many.
    assert steps[16] < 2.2 * steps[8]


def test_a_file_is_walked_through_a_few_times_however_many_findings_it_has(visited: list[ast.AST]) -> None:
    findings, files = _findings(16), _project(16)
    visited.clear()
    list(with_fixes(findings, files))
    for file in files.values():
        # Once for what is looked up, once for what each node is a part of, and on the way to each finding.
        assert sum(each is file.tree for each in visited) <= 2 + 2 * len(findings)


def test_findings_that_are_fixed_together_get_the_fixes_that_each_gets_alone() -> None:
    findings, files = _findings(3), _project(3)
    assert [each.fix for each in with_fixes(findings, files)] == [fix_of(each, _project(3)) for each in findings]


def test_what_was_known_of_a_file_is_not_said_of_the_file_that_a_fix_has_changed() -> None:
    files = _project(2)
    (first, second) = [each for each in with_fixes(_findings(2), files) if each.code == "SN203"]
    assert first.fix is not None
    assert second.fix is not None
    text = applied(files["main.py"].text, first.fix.edits)
    changed = {**files, "main.py": SourceFile("main.py", text)}
    report = checked(list(changed.values()), SourceTask()).report
    assert report is not None
    (left,) = [each for each in report.findings if each.code == "SN203"]
    assert left.fix is not None
    assert applied(text, left.fix.edits).count("net.train()") == 2
