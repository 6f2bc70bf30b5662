"""What the second process leaves behind: where it fails, where either is interrupted or killed."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Running = Callable[..., subprocess.CompletedProcess[str]]

NET = """
import torch.nn as nn
class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU())
"""
FAULTY = """
import torch
from net import Net
net = Net()
net.load_state_dict(torch.load("net.pt"))
with torch.no_grad():
    print(net(torch.load("x.pt")).argmax(1))
"""


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """A project of which each process reads one of the two mistakes."""
    for name, text in {"net": NET, "a": FAULTY, "b": FAULTY}.items():
        (tmp_path / f"{name}.py").write_text(text)
    return sorted(tmp_path.glob("*.py"))


BROKEN = {
    "an error": "raise KeyError('of the second process')",
    "killed": "os.kill(os.getpid(), 9)",
    "out of memory": "raise MemoryError",
    "a half answer": "answer.write(b'\\x80\\x04'); answer.flush(); os._exit(0)",
    "an exit": "sys.exit(3)",
}


@pytest.mark.parametrize("name", BROKEN)
def test_one_process_does_all_where_the_second_fails(name: str, paths: list[Path], run_in_two: Running) -> None:
    code = (
        f"def broken(parted, division, files, answer):\n    {BROKEN[name]}\n"
        "parallel._second_part = broken\n"
        "from steadynorm.source_check import SourceTask, check_sources\n"
        "outcome = check_sources(sys.argv[1:], SourceTask(), set())\n"
        "print([each.code for each in outcome.report.findings], outcome.failures)\n"
        "try:\n    print(os.waitpid(-1, os.WNOHANG))\n"
        "except ChildProcessError:\n    print('no child')\n"
    )
    done = run_in_two(code, *paths)
    assert done.stdout == "['SN201', 'SN201'] ()\nno child\n"
    assert done.stderr.count("fork") == 1


def test_a_mistake_of_ours_is_told_once_and_as_by_one_process(paths: list[Path], run_in_two: Running) -> None:
    done = run_in_two(
        "import steadynorm.source.torch.reader as reader\n"
        "def look(runs):\n    raise KeyError('ours')\n"
        "reader.look = look\n"
        "from steadynorm.source_check import SourceTask, check_sources\n"
        "outcome = check_sources(sys.argv[1:], SourceTask(), set())\n"
        "print(outcome.report, [each.reason for each in outcome.failures])\n",
        *paths,
    )
    assert done.stdout.startswith("None [")
    assert done.stdout.count("KeyError") == 1
    assert done.stderr == "fork\n"


INTERRUPTED = {
    "both, as by a terminal": "os.killpg(0, signal.SIGINT)",
    "the first one": "os.kill(os.getppid(), signal.SIGINT)",
    "the first one when it forks": "pass",
}


@pytest.mark.usefixtures("paths")
@pytest.mark.parametrize("name", INTERRUPTED)
def test_an_interrupt_ends_both_processes(name: str, tmp_path: Path, run_in_two: Running) -> None:
    code = (
        "import signal\n"
        # A shell that starts the tests in the background has them ignore it, and what they start as well.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "alive, kept = os.pipe()\n"
        "def waits(parted, division, files, answer):\n"
        f"    {INTERRUPTED[name]}\n"
        "    os.close(kept)\n"
        "    os.read(alive, 1)\n"
        "    Path('outlived').touch()\n"
        "parallel._second_part = waits\n"
        "def interrupted(fork=os.fork):\n"
        "    child = fork()\n"
        "    if child:\n"
        f"        {'os.kill(os.getpid(), signal.SIGINT)' if name.endswith('forks') else 'pass'}\n"
        "    return child\n"
        "os.fork = interrupted\n"
        "from steadynorm.cli import main\n"
        "sys.argv[1:] = ['check', '.']\n"
        "main()\n"
    )
    done = run_in_two(code, cwd=tmp_path, start_new_session=True)

    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert done.stderr.count("Aborted") <= 1
    assert done.stdout == ""
    # The second process waits for the end of the first, and both hold the output that has ended.
    assert not (tmp_path / "outlived").exists()


@pytest.mark.usefixtures("paths")
@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
def test_the_second_process_ends_with_the_first_that_is_killed(how: str, tmp_path: Path, run_in_two: Running) -> None:
    code = (
        "import signal, time\n"
        "def works(parted, division, files, answer):\n"
        f"    os.kill(os.getppid(), signal.{how})\n"
        "    time.sleep(5)\n"
        "    Path('outlived').touch()\n"
        "parallel._second_part = works\n"
        "from steadynorm.cli import main\n"
        "sys.argv[1:] = ['check', '.']\n"
        "main()\n"
    )
    # Both hold the output, so that this waits for both.
    done = run_in_two(code, cwd=tmp_path, start_new_session=True)

    assert done.returncode == -getattr(signal, how)
    assert not (tmp_path / "outlived").exists()
