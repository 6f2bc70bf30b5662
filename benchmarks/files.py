"""What a check of files costs: time and memory beside a full load, and how many small checkpoints a second.

Each number comes from a process of its own, so that its memory is its own; time counts from the end of the imports,
and for the command from its start.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

LAYERS = 100
CHANNELS = 512
WEIGHTS = 5_000_000
SMALL = 1000

CHECK = "from steadynorm.checking import check\ndef work(path): check(path, progress=False)"
LOADS = {
    "safetensors": "import json, numpy as np\ndef work(path):\n"
    "    data = open(path, 'rb'); head = json.loads(data.read(int.from_bytes(data.read(8), 'little')))\n"
    "    kept = [np.fromfile(data, np.uint8, e['data_offsets'][1] - e['data_offsets'][0]) for e in head.values()]",
    "PyTorch .pt": "import torch\ndef work(path): torch.load(path, weights_only=True)",
    "TensorFlow checkpoint": "import tensorflow as tf\ndef work(path):\n    reader = tf.train.load_checkpoint(path)\n"
    "    kept = [reader.get_tensor(name) for name in reader.get_variable_to_shape_map()]",
}


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """The tensors of a network with large weights between its normalization layers, in PyTorch's names."""
    random = np.random.default_rng(seed)
    weights = random.normal(size=WEIGHTS).astype(np.float32)
    found: dict[str, np.ndarray] = {}
    for number in range(LAYERS):
        found[f"layers.{number}.conv.weight"] = weights + number
        found[f"layers.{number}.bn.weight"] = random.uniform(0.5, 2, CHANNELS).astype(np.float32)
        for name in ("bias", "running_mean"):
            found[f"layers.{number}.bn.{name}"] = random.normal(size=CHANNELS).astype(np.float32)
        found[f"layers.{number}.bn.running_var"] = random.uniform(0.5, 2, CHANNELS).astype(np.float32)
    return found


def write_safetensors(path: Path) -> str:
    header, at, tensors = {}, 0, arrays()
    for name, each in tensors.items():
        header[name] = {"dtype": "F32", "shape": each.shape, "data_offsets": [at, at + each.nbytes]}
        at += each.nbytes
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for each in tensors.values():
            each.tofile(file)
    return str(path)


def write_torch(path: Path) -> str:
    import torch

    torch.save({name: torch.from_numpy(each) for name, each in arrays().items()}, path)
    return str(path)


def write_tensorflow(path: Path) -> str:
    import tensorflow as tf

    roles = {
        "bn.weight": "bn/gamma",
        "bn.bias": "bn/beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }
    names, values = [], []
    for name, each in arrays().items():
        for torch_name, tensorflow_name in roles.items():
            name = name.replace(torch_name, tensorflow_name)
        names.append(name.replace(".", "/"))
        values.append(each)
    tf.raw_ops.SaveV2(prefix=str(path), tensor_names=names, shape_and_slices=[""] * len(names), tensors=values)
    return str(path)


def write_small(folder: Path) -> str:
    import torch

    folder.mkdir()
    for number in range(SMALL):
        net = torch.nn.Sequential(
            *(each for _ in range(4) for each in (torch.nn.Conv2d(8, 8, 3), torch.nn.BatchNorm2d(8)))
        )
        torch.save({"model": net.state_dict(), "epoch": number}, folder / f"net{number}_of_a_search.pt")
    return str(folder)


def measure(code: str, path: str) -> tuple[float, float]:
    """Seconds and megabytes (with those of the imports) of `work(path)`."""
    script = (
        f"{code}\nimport time\nstart = time.perf_counter()\nwork({path!r})\nprint(time.perf_counter() - start)\n"
        # Not ru_maxrss, which a process inherits from the one that started it.
        "print([int(line.split()[1]) / 1024 for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    seconds, megabytes = done.stdout.split()
    return float(seconds), float(megabytes)


def command(path: str) -> float:
    """Seconds of the whole command."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "steadynorm", "check", path], check=False, capture_output=True)
    return time.perf_counter() - start


def median(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(each[0] for each in pairs), statistics.median(each[1] for each in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    print("| file | GB | check, s | command, s | check, MB | full load, s | full load, MB |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    writers = {"safetensors": write_safetensors, "PyTorch .pt": write_torch, "TensorFlow checkpoint": write_tensorflow}
    for name, write in writers.items():
        with tempfile.TemporaryDirectory() as folder:
            path = write(Path(folder) / "model")
            size = sum(each.stat().st_size for each in Path(folder).iterdir()) / 1e9
            seconds, megabytes = median([measure(CHECK, path) for _ in range(rounds)])
            whole = statistics.median(command(path) for _ in range(rounds))
            load_seconds, load_megabytes = measure(LOADS[name], path)
            print(
                f"| {name} | {size:.2f} | {seconds:.2f} | {whole:.2f} | {megabytes:.0f} | {load_seconds:.2f} | "
                f"{load_megabytes:.0f} |",
                flush=True,
            )
    with tempfile.TemporaryDirectory() as folder:
        path = write_small(Path(folder) / "runs")
        seconds, megabytes = median([measure(CHECK, path) for _ in range(rounds)])
        print(f"\n{SMALL} small checkpoints in a folder: {SMALL / seconds:.0f} per second, {megabytes:.0f} MB")


if __name__ == "__main__":
    main()
