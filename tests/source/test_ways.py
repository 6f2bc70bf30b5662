"""The ways on which a program comes to a place, where functions of one name are in many files."""

import ast

from steadynorm.source.fixes.callers import Level, calls_named, ways_to
from steadynorm.source.fixes.project import Project
from steadynorm.source.reading.files import SourceFile

PROGRAM = """
def step(model, batch):
    return model(batch)

def epoch(model, batches):
    return step(model, batches)

def fit(model, batches):
    return epoch(model, batches)

def main(model, batches):
    return fit(model, batches)
"""


def project(count: int) -> Project:
    return Project({f"{number}.py": SourceFile(f"{number}.py", PROGRAM) for number in range(count)})


def written(way: tuple[Level, ...]) -> list[str]:
    return [ast.unparse(each.node) for each in way]


CALLS = ["model(batch)", "step(model, batches)", "epoch(model, batches)", "fit(model, batches)"]


def test_one_program_has_one_way_to_its_model() -> None:
    files = project(1)
    ((file, call),) = calls_named(files, "model")
    assert [written(way) for way in ways_to(files, file, call)] == [CALLS]


def test_every_caller_of_a_name_is_on_a_way() -> None:
    files = project(3)
    file, call = next(calls_named(files, "model"))
    ways = ways_to(files, file, call)
    assert [written(way) for way in ways] == [CALLS] * 3**3
    assert {way[-1].file.path for way in ways} == {"0.py", "1.py", "2.py"}


def test_programs_that_name_their_functions_alike_do_not_multiply() -> None:
    # 200 callers of each of three functions are eight million ways.
    files = project(200)
    file, call = next(calls_named(files, "model"))
    ways = ways_to(files, file, call)
    assert len(ways) == 60
    assert all(written(way) == CALLS for way in ways)
