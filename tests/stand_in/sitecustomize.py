"""Put on PYTHONPATH by tests of sweeps: replaces training, in every child process, by something that takes no time.

What happens to a cell is told by its rank: see `trouble`. With STAND_IN_BOWL its loss depends on its learning rate.
"""

import math
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import tunegrid.run
from tunegrid.cell.cell import STOP, Cell
from tunegrid.cell.provenance import now
from tunegrid.cell.result import Cost, Result, ScoreValue, Status
from tunegrid.errors import DataError
from tunegrid.metrics import Score


def run_pack(cells: list[Cell], notes: dict[str, str]) -> None:
    with Path(os.environ["STAND_IN_LOG"]).open("a") as log:
        log.write(" ".join(cell.title for cell in cells) + "\n")
    assert "torch" not in sys.modules
    stopped = validate(cells) if "STAND_IN_BOWL" in os.environ else []
    for cell in cells:
        trouble(cells, cell.config["method"].get("rank"))
        time.sleep(float(os.environ.get("STAND_IN_SECONDS", "0")))
        cell.append_metrics({"step": 1, "loss": 1.0})
        rows = (np.array([[3.0, 3.0], [4.0, 4.0]]) + cell.config["seed"]) * [loss(cell), 1.0]
        cell.write_samples([Score("val_loss", rows)])
        cell.write_result(done(cell, notes, Status.PRUNED if cell in stopped else Status.DONE))


def validate(cells: list[Cell]) -> list[Cell]:
    """Write validation losses as training does, all cells in step; returns the cells that were asked to stop."""
    stopped: list[Cell] = []
    objective = cells[0].config["objective"]
    for step in range(objective["validate_every"], objective["steps"] + 1, objective["validate_every"]):
        for cell in cells:
            if cell not in stopped:
                cell.append_metrics({"step": step, "val_loss": loss(cell) + 1 / step})
        time.sleep(float(os.environ["STAND_IN_BOWL"]))
        stopped += [cell for cell in cells if cell not in stopped and cell.path(STOP).exists()]
    return stopped


def loss(cell: Cell) -> float:
    """With STAND_IN_BOWL a parabola over the logarithm of the learning rate, lowest at 1e-3."""
    rate = cell.config["objective"]["learning_rate"]
    return 1.0 + (math.log10(rate) + 3) ** 2 if "STAND_IN_BOWL" in os.environ else 1.0


def trouble(cells: list[Cell], rank: int | None) -> None:
    waiting = Path(os.environ["STAND_IN_LOG"]).with_suffix(".waiting")
    deaths: dict[int | None, Callable[[], object]] = {
        13: lambda: os.kill(os.getpid(), signal.SIGKILL),
        15: lambda: wait(waiting),
        18: lambda: os.kill(os.getpid(), signal.SIGSEGV),
        19: lambda: os._exit(0),
        20: lambda: sys.exit(0),
        22: lambda: sys.exit(f"stderr is a terminal: {sys.stderr.isatty()}"),
        23: lambda: waiting.exists() or wait(waiting),
    }
    errors: dict[int | None, Exception] = {
        14: RuntimeError("boom"),
        16: DataError("broken.jsonl:3: output: no such key; add it"),
        17: MemoryError("out of everything"),
    }
    if rank in deaths:
        print(f"rank {rank} is about to die", file=sys.stderr, flush=True)
        deaths[rank]()
    if rank in errors:
        raise errors[rank]
    if rank == 21 and (len(cells) > 1 or cells[0].run.hardware.tokens_per_pass > 256):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")


def wait(sign: Path) -> None:
    sign.touch()
    time.sleep(60)


def done(cell: Cell, notes: dict[str, str], status: Status) -> Result:
    return Result(
        id=cell.id,
        status=status,
        config=cell.config,
        scores={"val_loss": ScoreValue(value=loss(cell), low=None, high=None)},
        unavailable={},
        cost=Cost(steps=1),
        protocol=notes,
        versions={},
        commit=None,
        seeds={"run": cell.config["seed"]},
        started=now(),
        finished=now(),
        error=None,
    )


tunegrid.run.run_pack = run_pack


def kill_at(number: int) -> None:
    """Die in the course of the `number`th file that this process writes: at its start, before or after its rename."""
    calls = 0

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            nonlocal calls
            calls += 1
            if calls == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    os.fsync, Path.replace = counted(os.fsync), counted(Path.replace)  # type: ignore[assignment,method-assign]


if "STAND_IN_KILL_AT" in os.environ:
    kill_at(int(os.environ["STAND_IN_KILL_AT"]))
