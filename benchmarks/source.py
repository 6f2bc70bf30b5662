"""What a check of source costs beside other linters, and what it says about code that is known to be good.

Downloads the packages by name with pip, unpacks them and reads them; nothing of them is installed or executed, but the
linters themselves, in an environment of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GOOD = (
    "timm",
    "torchvision",
    "segmentation-models-pytorch",
    "keras",
    "keras-hub",
    "tf-slim",
    "tensorpack",
    "flax",
    "equinox",
)
"""Packages whose use of normalization is known to be right."""

TIMED = "timm"

ONE_PROCESSOR = """
import os, sys
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""A program that becomes another one, on one processor."""


def fetch(package: str, folder: Path) -> Path:
    """The sources of a package, unpacked; of its wheel, since what is installed is what people run."""
    target = folder / package
    wheels = str(folder / "wheels" / package)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", wheels]
    subprocess.run([*command, package], check=True)
    (wheel,) = Path(wheels).glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".py"):
                archive.extract(name, target)
    print(f"  {wheel.name.rsplit('-py', 1)[0]}: {lines(target):,} lines")
    return target


def lines(folder: Path) -> int:
    """Lines of Python in a folder."""
    return sum(path.read_bytes().count(b"\n") for path in folder.rglob("*.py"))


def findings(path: Path) -> list[dict[str, object]]:
    """What the check says about a package, at or over warning."""
    command = [sys.executable, "-m", "steadynorm", "check", str(path), "--format", "json"]
    content = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    return [each for model in content["models"] for each in model["findings"] if each["severity"] != "info"]


@dataclass(frozen=True)
class Times:
    """What the runs of a command took, in seconds.

    Arguments:
        walls: whole process, each run.
        works: processor time of all its processes, each run: what a busy machine changes least.
    """

    walls: list[float]
    works: list[float]


def timed(commands: Mapping[str, Sequence[str]], repeats: int, compiled: Path) -> dict[str, Times]:
    """Times commands, in turn, so that what else the machine does is the same for all.

    Python keeps the bytecode of all modules in a folder of ours, as it is where pip has installed them: a checkout may
    have none, and the environment may forbid it.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(compiled)
    times = {label: Times([], []) for label in commands}
    for _ in range(repeats):
        for label, command in commands.items():
            start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env=environment)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times[label].walls.append(time.perf_counter() - start)
            times[label].works.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return times


def show_times(folder: Path, programs: Mapping[str, str], repeats: int, torchfix: bool) -> None:
    """Times the check and its peers on a folder."""
    target = str(folder)
    own = [sys.executable, "-m", "steadynorm", "check", target]
    # Where there is one processor, there is one process.
    alone = [sys.executable, "-c", ONE_PROCESSOR, *own[1:]]
    commands = {"steadynorm check": own, "on one processor": alone}
    if "ruff" in programs:
        commands["ruff, all rules"] = [programs["ruff"], "check", "--select", "ALL", "--no-cache", "-q", target]
    compiled = folder.parent / "compiled"
    timed({"compiling": own}, 1, compiled)
    times = timed(commands, repeats, compiled)
    if torchfix and "torchfix" in programs:
        times |= timed({"TorchFix": [programs["torchfix"], target]}, 1, compiled)
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"\nTime on {TIMED}'s sources, whole process; {os.cpu_count()} processors, load {load}")
    print(f"  {'':18s} {'wall, median':>13s} {'wall, least':>12s} {'CPU, least':>11s} {'wall / ours':>12s}")
    ours = statistics.median(times["steadynorm check"].walls)
    for label, each in times.items():
        wall = statistics.median(each.walls)
        print(f"  {label:18s} {wall:11.2f} s {min(each.walls):10.2f} s {min(each.works):9.2f} s {wall / ours:12.2f}")


def peers(folder: Path, wanted: Sequence[str]) -> dict[str, str]:
    """The programs of the peers, in an environment with them in it; those that cannot be had are left out."""
    where = folder / "peers"
    venv.create(where, with_pip=True)
    found = {}
    for package in wanted:
        done = subprocess.run(
            [where / "bin" / "python", "-m", "pip", "install", "--quiet", package], capture_output=True, check=False
        )
        if done.returncode == 0:
            found[package] = str(where / "bin" / package)
        else:
            print(f"  {package} cannot be had here")
    return found


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only-times", action="store_true", help="Time ruff and the check, and leave the rest out.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("Packages")
        paths = {package: fetch(package, folder) for package in ((TIMED,) if options.only_times else GOOD)}
        if not options.only_times:
            print("\nFindings of severity error or warning")
            for package, path in paths.items():
                found = findings(path)
                print(f"  {package}: {len(found)}")
                for each in found:
                    print(f"    {each['code']} {each['certainty']} {each['location']}: {each['message']}")
        programs = peers(folder, ("ruff",) if options.only_times else ("ruff", "torchfix"))
        show_times(paths[TIMED], programs, options.repeats, not options.only_times)


if __name__ == "__main__":
    main()
