"""A whole training run, start of the process to its end, and its peak memory: tunegrid against TRL's SFTTrainer.

python benchmarks/run.py [--steps 200] [--batch-size 8] [--rank 8]
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

CHILD = """
import sys; sys.path.insert(0, {folder!r})
import contenders
from models import smollm2
model, rows = smollm2(), contenders.generated_rows(1600)
getattr(contenders, {name!r})(model, {ranks}, rows, {steps}, {batch_size})
"""


def measure(name: str, ranks: str, steps: int, batch_size: int) -> tuple[float, float]:
    """Wall seconds and peak resident GB of one contender in a process of its own."""
    folder = str(Path(__file__).parent)
    code = CHILD.format(folder=folder, name=name, ranks=ranks, steps=steps, batch_size=batch_size)
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name} failed with status {status}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e9


def main() -> None:
    """Print both contenders' wall time and peak memory, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("--steps", 200), ("--batch-size", 8), ("--rank", 8)):
        parser.add_argument(name, type=int, default=value)
    chosen = parser.parse_args()
    theirs = measure("trl", str(chosen.rank), chosen.steps, chosen.batch_size)
    ours = measure("tunegrid", f"[{chosen.rank}]", chosen.steps, chosen.batch_size)
    print(f"{chosen.steps} steps of {chosen.batch_size} rows, whole process, all cores, packages as in constraints.txt")
    print(f"TRL {theirs[0]:.0f} s and {theirs[1]:.1f} GB, tunegrid {ours[0]:.0f} s and {ours[1]:.1f} GB")
    print(f"time {theirs[0] / ours[0]:.2f} times, memory {theirs[1] / ours[1]:.2f} times")


if __name__ == "__main__":
    main()
