"""Native readers in a process of their own: what crashes, hangs or takes all memory there is one clear line here."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from steadynorm.artifacts.child import LENGTHS, MOST_REPLY, MOST_SECONDS, message
from steadynorm.errors import UnusableInputError

MOST_HEAD = 1 << 27
LONGEST_ERROR = 1000
MOST_REQUESTS = 1000
"""A child is replaced after so many files, so that nothing that a library leaks adds up."""

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from steadynorm.artifacts.child import main; main()"
_ENVIRONMENT = {
    "HDF5_PLUGIN_PRELOAD": "::",  # no filter is loaded from where a file or the environment says
    "HDF5_USE_FILE_LOCKING": "FALSE",
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class _EndedError(Exception):
    """The child closed its end."""


class _Child:
    """One running child, for the process that started it."""

    def __init__(self) -> None:
        package = str(Path(__file__).resolve().parents[2])
        # Isolated, Python forgets PYTHONPATH and the packages of a virtual environment, so they are handed over.
        path = [package, *(each for each in sys.path if each and each != package)]
        self.owner = os.getpid()
        self.requests = 0
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _START, json.dumps(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **_ENVIRONMENT},
        )

    def ask(self, request: bytes, seconds: float) -> tuple[dict[str, Any], bytes]:
        """The answer to a request.

        Raises:
            TimeoutError: there was none in time.
            _EndedError: the process ended instead.
        """
        self.requests += 1
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(request)
            self._process.stdin.flush()
        except OSError as error:
            raise _EndedError from error
        end = time.monotonic() + seconds
        head, body = LENGTHS.unpack(self._read(LENGTHS.size, end))
        if head > MOST_HEAD or body > MOST_REPLY:
            raise _EndedError
        return json.loads(self._read(head, end)), self._read(body, end)

    def _read(self, count: int, end: float) -> bytes:
        assert self._process.stdout is not None
        descriptor, parts = self._process.stdout.fileno(), []
        while count > 0:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError
            part = os.read(descriptor, min(count, 1 << 20))
            if not part:
                raise _EndedError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def stop(self) -> int:
        """Ends the process, at once, and returns its exit status: negative if a signal ended it before."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self.owner != os.getpid():  # after a fork it is the other process's child
            return 0
        with suppress(OSError):  # unsent bytes to a process that is no more
            self._process.stdin.close()  # an idle child ends by itself then
        try:
            self._process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.stdout.close()
        return self._process.wait()


_lock = threading.Lock()
_child: _Child | None = None


def ask(task: str, path: str, arguments: dict[str, object], data: bytes = b"") -> tuple[Any, bytes]:
    """Lets a child do a task.

    Arguments:
        task: one of `child.TASKS`.
        path: the file that it is about, for the error.
        arguments: of the task, JSON values.
        data: bytes for it.

    Raises:
        UnusableInputError: the file cannot be read, the library crashed over it, or took too long.
        ModuleNotFoundError: the library is not installed.
    """
    global _child
    request = message({"task": task, "arguments": arguments}, data)
    with _lock:
        if _child is not None and (_child.owner != os.getpid() or _child.requests >= MOST_REQUESTS):
            _stop()
        child = _child = _child or _Child()
        try:
            reply, body = child.ask(request, MOST_SECONDS)
        except TimeoutError:
            _stop()
            raise UnusableInputError(
                f"{path}: takes longer than {MOST_SECONDS} s to read; the file is damaged or far too large"
            ) from None
        except _EndedError:
            raise UnusableInputError(f"{path}: {_why(_stop())}; the file is damaged") from None
        except BaseException:  # an interrupt in between would leave half an answer for the next request
            _stop()
            raise
    if "missing" in reply:
        raise ModuleNotFoundError(f"No module named {reply['missing']!r}", name=reply["missing"])
    if "unusable" in reply:
        raise UnusableInputError(reply["unusable"][:LONGEST_ERROR])
    if "failed" in reply:
        raise UnusableInputError(f"{path}: cannot be read: {reply['failed']}; the file is damaged or of another kind")
    return reply["result"], body


def _why(status: int) -> str:
    if status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
        if name in ("SIGXCPU", "SIGKILL"):
            return "reading it was stopped for taking too long or too much memory"
        return f"the library that reads it crashed ({name})"
    return f"the process that reads it ended ({status})"


@atexit.register
def _stop() -> int:
    global _child
    child, _child = _child, None
    return 0 if child is None else child.stop()
