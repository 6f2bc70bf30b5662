"""What a check of source costs beside other linters, and what it says about code that is known to be good.

Downloads the packages by name with pip, unpacks them and reads them; nothing of them is installed or executed, but the
linters themselves, in an environment of their own.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Sequence
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


def fetch(package: str, folder: Path) -> Path:
    """The sources of a package, unpacked; of its wheel, since what is installed is what people run."""
    target = folder / package
    wheels = folder / "wheels" / package
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", wheels]
    subprocess.run([*command, package], check=True)
    (wheel,) = wheels.glob("*.whl")
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


def timed(command: Sequence[str], repeats: int) -> tuple[float, float]:
    """The median wall time of a command, whole process, and the least CPU time: what a busy machine changes least."""
    walls, works = [], []
    for _ in range(repeats):
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        walls.append(time.perf_counter() - start)
        works.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(walls), min(works)


def peers(folder: Path) -> dict[str, str]:
    """The folder of the programs of an environment with the peers in it; those that cannot be had are left out."""
    where = folder / "peers"
    venv.create(where, with_pip=True)
    found = {}
    for package, program in (("ruff", "ruff"), ("torchfix", "torchfix")):
        done = subprocess.run(
            [where / "bin" / "python", "-m", "pip", "install", "--quiet", package], capture_output=True, check=False
        )
        if done.returncode == 0:
            found[package] = str(where / "bin" / program)
        else:
            print(f"  {package} cannot be had here")
    return found


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("Packages")
        paths = {package: fetch(package, folder) for package in GOOD}
        print("\nFindings of severity error or warning")
        for package, path in paths.items():
            found = findings(path)
            print(f"  {package}: {len(found)}")
            for each in found:
                print(f"    {each['code']} {each['certainty']} {each['location']}: {each['message']}")
        programs = peers(folder)
        target = str(paths[TIMED])
        commands = {"steadynorm check": [sys.executable, "-m", "steadynorm", "check", target]}
        if "ruff" in programs:
            commands["ruff, all rules"] = [programs["ruff"], "check", "--select", "ALL", "--no-cache", "-q", target]
        if "torchfix" in programs:
            commands["TorchFix"] = [programs["torchfix"], target]
        print(f"\nTime on {TIMED}'s sources, whole process: median wall time, least CPU time")
        own = None
        for label, command in commands.items():
            wall, work = timed(command, 1 if label == "TorchFix" else options.repeats)
            own = own or work
            print(f"  {label}: {wall:.2f} s, {work:.2f} s of CPU, {work / own:.2f} of steadynorm's")


if __name__ == "__main__":
    main()
