"""The forecast of a pack's peak memory in training against what a fresh process measures, on `data=restaurants`.

python benchmarks/forecast.py [--passes 24] [--only WORDS]

As many steps as make so many passes, and at least three: oneDNN's kernels and the heap grow with the first dozens.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tunegrid.sweep.forecast import GB, Engine, Forecasts
from tunegrid.sweep.forecast_memory import PackMemory
from tunegrid.sweep.grid import grid_from

PACKS = {
    "lora, 1 cell": ["method.rank=8"],
    "lora, 2 cells": ["method.rank=4,8"],
    "lora, 4 cells": ["method.rank=1,4,16,64"],
    "lora, 8 cells": ["method.rank=1,2,4,8,16,32,64,128"],
    "lora, 16 cells": ["method.rank=1,2,4,8,16,32,64,128", "seed=0,1"],
    "lora, rank 1024": ["method.rank=1024"],
    "lora on all layers, dropout": ["method.rank=8", "method.targets=[all-linear]", "method.dropout=0.1"],
    "lora, 32 rows a step": ["method.rank=8", "objective.batch_size=32"],
    "lora, 4096 tokens a pass": ["method.rank=8", "objective.batch_size=64", "hardware.tokens_per_pass=4096"],
    "full": ["method=full"],
    "full, last weights kept": ["method=full", "objective.keep=last"],
    "full, 32 rows a step": ["method=full", "objective.batch_size=32"],
}
SHORT = [
    "data.validation_rows=32",
    "data.test_rows=1",
    "sampler.max_new_tokens=1",
    "metrics=none",
    "tracker=none",
    "hardware=cpu",
    "hardware.threads=1",
    "objective.warmup_steps=0",
]


def measure(overrides: list[str], passes: int, root: Path) -> tuple[int, int]:
    """Forecast and measured peak of the one pack of a sweep, in bytes."""
    arguments = [*SHORT, *overrides, f"output_root={root}"]
    steps = max(3, passes // len(grid_from(arguments).cells))
    arguments += [f"objective.steps={steps}", f"objective.validate_every={(steps + 1) // 2}"]
    forecasts = Forecasts(Engine(workers=1, elsewhere=False))
    (pack,) = forecasts.packs(grid_from(arguments).points)
    memory = forecasts.memory(pack.cells)
    assert isinstance(memory, PackMemory), memory
    command = [sys.executable, "-m", "tunegrid", "-m", *arguments]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    result = json.loads((pack.cells[0].folder / "result.json").read_text(encoding="utf-8"))
    return memory.total, result["cost"]["peak_training_bytes"]


def main() -> None:
    """Print a line for each pack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--passes", type=int, default=24)
    parser.add_argument("--only", default="", help="packs whose names hold these words")
    chosen = parser.parse_args()
    print("| pack | precision | forecast | measured | forecast / measured |")
    print("|---|---|---:|---:|---:|")
    for name, overrides in PACKS.items():
        precisions = ["float32"] if name.startswith("full") else ["bfloat16", "float32"]
        for precision in precisions:
            if chosen.only not in f"{name} {precision}":
                continue
            with TemporaryDirectory() as root:
                settings = [*overrides, f"hardware.precision={precision}"]
                forecast, measured = measure(settings, chosen.passes, Path(root))
            ratio = f"{forecast / measured:.2f}"
            print(f"| {name} | {precision} | {forecast / GB:.2f} GB | {measured / GB:.2f} GB | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
