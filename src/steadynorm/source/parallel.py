"""A large project read by two processes, each one part of it; the same is found as by one.

Three quarters of the time that a large project takes go into parsing it and running it symbolically, and what that
makes, trees and traces, would take longer to hand over than to make. So a second process does everything for its part
of the project (`symbolic.runs`), from the parser to the readers, and hands over what it has seen, which is little.

That the same is found holds by construction, and nothing is decided by which process is faster:

- The second process is a fork, made when the modules that both parts share have been run. A part starts from what these
  have left and is run as if there were no other, in one process as well; so it does not matter where.
- What is done after both parts, for the shared modules, waits for what the second process has learned of them.
- Readers that compare the runs of a project need all of them. The one of PyTorch looks at each run by itself, but for
  the options of a command line. If another reader has something to see, or an option is defined, one process does all.
- Whatever else happens, one process does all: a part that comes to the other one's modules, a file that cannot be
  parsed, an error, a second process that is killed. Then nothing of what was done here counts, and an error shows
  where it would have shown.

It takes Linux, two processors and a process with a single thread: a fork of several may copy a lock that nobody opens
any more. Elsewhere one process does all.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, NoReturn

from steadynorm.program import Program
from steadynorm.source.defaults import Defaults
from steadynorm.source.reader import Look, look_at, program_of, rooms_for
from steadynorm.source.reading.files import SourceFile
from steadynorm.source.symbolic.dividing import Division, divided
from steadynorm.source.symbolic.modules import Project, project_of
from steadynorm.source.symbolic.runs import Parted
from steadynorm.source.symbolic.trace import Run

_BY_ITSELF = ["torch"]
"""The room of the reader that looks at each run by itself."""


class _NotInTwoError(Exception):
    """One process must do all."""


def read_in_two(files: Sequence[SourceFile], meanwhile: Callable[[], None]) -> Program | None:
    """Reads the source of one project as `reader.read` does, with a second process.

    Arguments:
        files: as there; those that mention the subject need not have been parsed, nor be such that they can be.
        meanwhile: what may be done beforehand, and is where there is nothing to do but to wait for the second process.

    Returns:
        what `reader.read` returns; `None` where it must be asked: the project is small or hangs together, there are no
        two processes to be had, or something went wrong.
    """
    project = project_of(files)
    division = divided(project, [module for module in project.modules if module.file.subject])
    if division is None:
        return None
    try:
        return _read(files, project, division, meanwhile) if _may_fork() else None
    except Exception:  # one process comes to the same error, if it is not one of having two
        return None


def _may_fork() -> bool:
    """Whether a second process can be had, and a processor for it."""
    if not sys.platform.startswith("linux") or signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        return False
    return len(os.sched_getaffinity(0)) > 1 and len(os.listdir("/proc/self/task")) == 1


def _read(files: Sequence[SourceFile], project: Project, division: Division, meanwhile: Callable[[], None]) -> Program:
    for module in division.subject:
        module.parsed()
    parted = Parted(project, division)
    _check_alone(parted.scripts)
    with _second_process(lambda answer: _second_part(parted, division, files, answer)) as answer:
        for module in division.parts[0]:
            module.parsed()
        runs, learned = parted.run_part(0)
        # A look changes nothing, so that it does not matter when it is had.
        first = None if _has_come(answer) else _looked(runs, files)
        if not _has_come(answer):
            meanwhile()
        shared = _looked(parted.run_shared((learned, pickle.load(answer))), files)  # our own process
        first = first or _looked(runs, files)
        second: Look = pickle.load(answer)  # our own process
    return program_of(files, (first, shared, second))


def _has_come(answer: IO[bytes]) -> bool:
    """Whether the second process has handed something over, or is gone."""
    return bool(select.select([answer], [], [], 0)[0])


def _second_part(parted: Parted, division: Division, files: Sequence[SourceFile], answer: IO[bytes]) -> None:
    for module in division.parts[1]:
        module.parsed()
    runs, learned = parted.run_part(1)
    pickle.dump(learned, answer)
    answer.flush()
    pickle.dump(_looked(runs, files), answer)


def _looked(runs: Sequence[Run], files: Sequence[SourceFile]) -> Look:
    _check_alone(runs)
    return look_at(runs, files)


def _check_alone(runs: Sequence[Run]) -> None:
    """Sees to it that what is found in runs depends on no other runs."""
    if rooms_for(runs) != _BY_ITSELF or Defaults(runs):
        raise _NotInTwoError


@contextmanager
def _second_process(work: Any) -> Iterator[IO[bytes]]:
    """A copy of this process that does some work, and is gone afterwards in any case; what it writes can be read."""
    reading, writing = os.pipe()
    lasting, held = os.pipe()
    with open(reading, "rb") as answer:
        # An interrupt waits until it is sure that the copy is ended with this process, or ends by itself.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            child = os.fork()
            if child == 0:
                if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
                    signal.signal(signal.SIGINT, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                os.close(reading)
                os.close(held)
                _end_when_closed(lasting)
                _work_and_end(work, writing)
            try:
                os.close(writing)
                os.close(lasting)
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                yield answer
            except BaseException:
                os.kill(child, signal.SIGKILL)
                raise
            finally:
                os.waitpid(child, 0)
                os.close(held)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_when_closed(pipe: int) -> None:
    """Has this process ended when nobody holds the other end of a pipe any more: the first process is gone then, and
    had no time to end this one if it was killed. The kernel sends a signal for that, which ends who does not expect it.
    """
    import fcntl  # which there is not on every system that this module is imported on

    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    try:
        os.read(pipe, 1)
    except BlockingIOError:
        return
    os._exit(0)  # it was closed before there was a signal for it


def _work_and_end(work: Any, writing: int) -> NoReturn:
    """Does the work of the second process. Whatever happens, it does not go on to what the first one does afterwards,
    nor writes out what that has in its buffers."""
    try:
        with open(writing, "wb") as answer:
            work(answer)
    finally:
        os._exit(0)
