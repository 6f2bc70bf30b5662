"""The demonstration behind `steadynorm demo`: five classic mistakes on real data, their diagnosis and their repair."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from rich.console import Console

import steadynorm
from steadynorm.report.progress import Progress
from steadynorm.torch.demo.case import Case, Trained
from steadynorm.torch.demo.data import Digits
from steadynorm.torch.demo.mistakes import MISTAKES, correct
from steadynorm.torch.demo.table import Row, note, table
from steadynorm.torch.state import random_states_kept

INTRODUCTION = (
    "A small residual network learns scikit-learn's digits: once as it should be, and once with each of five "
    "classic mistakes. Takes under a minute."
)


def run(console: Console) -> int:
    """Trains the networks, makes the mistakes, diagnoses and repairs them, and prints one table.

    Arguments:
        console: where to print; the table fits 80 columns.

    Returns:
        the exit status, 0. Random states and the number of threads are as before.

    Raises:
        UnusableInputError: scikit-learn is not installed.
    """
    digits = Digits.load()
    console.print(INTRODUCTION, highlight=False)
    console.print()
    with _one_thread(), random_states_kept():
        rows = list(_rows(digits))
    console.print(table(rows))
    console.print()
    console.print(note(digits))
    return 0


def _rows(digits: Digits) -> Iterator[Row]:
    with Progress() as stage:
        stage("no mistake", 0, len(MISTAKES) + 1)
        healthy = Trained.on(digits)
        yield _row(correct(healthy))
        for done, mistake in enumerate(MISTAKES, 1):
            stage(str(mistake.__name__).replace("_", " "), done, len(MISTAKES) + 1)
            yield _row(mistake(healthy))


def _row(case: Case) -> Row:
    report = steadynorm.diagnose(case.subject, progress=False)
    found = report.findings[0] if report.findings else None
    repaired = None if case.repair is None else case.repaired()
    return Row(case.title, case.training, case.inference(), found, case.remedy, repaired)


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread is fastest for a network this small, and gives the same numbers whatever the number of cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
