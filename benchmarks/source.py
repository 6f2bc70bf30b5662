"""What a check of source costs beside other linters, and what it says about code that is known to be good.

Downloads the packages by name with pip, unpacks them and reads them; nothing of them is installed or executed, but the
linters themselves, in an environment of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections import Counter
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

OTHERS = (
    "accelerate",
    "arviz",
    "datasets",
    "deepchem",
    "diffusers",
    "einx",
    "fla-core",
    "flash-linear-attention",
    "gymnasium",
    "jax",
    "kagglehub",
    "kornia",
    "librosa",
    "lightly",
    "lightning",
    "lm-eval",
    "ml-collections",
    "monai",
    "onnx",
    "onnxscript",
    "open-clip-torch",
    "optax",
    "optuna",
    "orbax-checkpoint",
    "peft",
    "pettingzoo",
    "pytorch-lightning",
    "pytorch-metric-learning",
    "pytorchcv",
    "ray",
    "rotary-embedding-torch",
    "scikit-learn",
    "sentence-transformers",
    "shap",
    "spacy",
    "speechbrain",
    "tensor2tensor",
    "tensorboardx",
    "tensorflow-cpu",
    "tensorflow-gan",
    "tf-models-official",
    "thinc",
    "torch",
    "torch-einops-utils",
    "torch-geometric",
    "torchdata",
    "torchmetrics",
    "transformers",
    "trl",
    "ultralytics",
    "wandb",
)
"""Widely used packages of which nobody has looked at every normalization: each finding is to be argued."""

TIMED = "timm==1.0.29"
"""The release that has the 127,598 lines which the goal was set for."""

ONE_PROCESSOR = """
import os, sys
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""A program that becomes another one, on one processor."""


def fetch(package: str, folder: Path) -> Path:
    """The sources of a package, unpacked; of its wheel, since what is installed is what people run.

    Raises:
        CalledProcessError: pip does not find a wheel for this machine.
    """
    target = folder / package
    wheels = str(folder / "wheels" / package)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", wheels]
    subprocess.run([*command, package], check=True)
    (wheel,) = Path(wheels).glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".py"):
                archive.extract(name, target)
    name, version = wheel.name.split("-")[:2]
    print(f"  {name}-{version}: {lines(target):,} lines")
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


def show_findings(path: Path) -> None:
    """Prints what the check says about a package, at or over warning, and how long it took."""
    start = time.perf_counter()
    found = findings(path)
    seconds = time.perf_counter() - start
    counted = Counter(each["severity"] for each in found)
    print(f"  {path.name}: {counted['error']} errors, {counted['warning']} warnings, {seconds:.1f} s")
    for each in found:
        print(f"    {each['code']} {each['certainty']} {each['location']}: {each['message']}")


def show_others(packages: Sequence[str], folder: Path) -> None:
    """What the check says about packages, one after the other; their sources are not kept."""
    for package in packages:
        try:
            path = fetch(package, folder)
        except subprocess.CalledProcessError:
            print(f"  {package} cannot be had here")
            continue
        show_findings(path)
        shutil.rmtree(path)
        shutil.rmtree(folder / "wheels" / package)


def main() -> None:
    """Prints both tables, or what is found in other packages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only-times", action="store_true", help="Time ruff and the check, and leave the rest out.")
    parser.add_argument(
        "--others", nargs="*", metavar="PACKAGE", help="List the findings in these packages, or in fifty, and no more."
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("Packages")
        if options.others is not None:
            show_others(options.others or OTHERS, folder)
            return
        timed = fetch(TIMED, folder)
        if not options.only_times:
            paths = [fetch(package, folder) for package in GOOD]
            print("\nFindings of severity error or warning")
            for path in paths:
                show_findings(path)
        programs = peers(folder, ("ruff",) if options.only_times else ("ruff", "torchfix"))
        show_times(timed, programs, options.repeats, not options.only_times)


if __name__ == "__main__":
    main()
