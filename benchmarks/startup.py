"""What it costs to start: `import steadynorm`, and `steadynorm explain SN101`, each in processes of their own."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 15
FRAMEWORKS = ("torch", "tensorflow", "keras", "jax", "numpy")
IMPORT = "import time; start = time.perf_counter(); import steadynorm; print(time.perf_counter() - start)"
LOADED = f"import sys, steadynorm; print(*[name for name in {FRAMEWORKS} if name in sys.modules])"


def output_of(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def command_seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    imports = [1000 * float(output_of(IMPORT)) for _ in range(ROUNDS)]
    bare = [1000 * command_seconds("-c", "pass") for _ in range(ROUNDS)]
    explain = [1000 * command_seconds("-m", "steadynorm", "explain", "SN101") for _ in range(ROUNDS)]
    print("| | median | goal |\n|---|---:|---:|")
    print(f"| `import steadynorm` | {statistics.median(imports):.1f} ms | < 100 ms |")
    print(f"| frameworks that it loads (NumPy counted) | {output_of(LOADED) or 'none'} | none |")
    print(f"| `steadynorm explain SN101`, whole process | {statistics.median(explain):.0f} ms | < 300 ms |")
    print(f"| an empty Python process, for comparison | {statistics.median(bare):.0f} ms | |")


if __name__ == "__main__":
    main()
