"""Put on PYTHONPATH by tests of sweeps: replaces training, in every child process, by something that takes no time.

What happens to a cell is told by its rank: 13 is killed, 14 raises, 15 waits for a signal, 16 meets a broken data file.
"""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

import tunegrid.run
from tunegrid.cell import Cell
from tunegrid.errors import DataError
from tunegrid.metrics import Score
from tunegrid.provenance import now
from tunegrid.result import Cost, Result, ScoreValue, Status


def run_pack(cells: list[Cell]) -> None:
    with Path(os.environ["STAND_IN_LOG"]).open("a") as log:
        log.write(" ".join(cell.title for cell in cells) + "\n")
    assert "torch" not in sys.modules
    for cell in cells:
        trouble(cell.config["method"].get("rank"))
        time.sleep(float(os.environ.get("STAND_IN_SECONDS", "0")))
        cell.write_samples([Score("val_loss", np.array([[3.0, 3.0], [4.0, 4.0]]))])
        cell.write_result(done(cell))


def trouble(rank: int | None) -> None:
    if rank == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    if rank == 14:
        raise RuntimeError("boom")
    if rank == 15:
        Path(os.environ["STAND_IN_LOG"]).with_suffix(".waiting").touch()
        time.sleep(60)
    if rank == 16:
        raise DataError("broken.jsonl:3: output: no such key; add it")


def done(cell: Cell) -> Result:
    return Result(
        id=cell.id,
        status=Status.DONE,
        config=cell.config,
        scores={"val_loss": ScoreValue(value=1.0, low=None, high=None)},
        unavailable={},
        cost=Cost(steps=1),
        protocol={},
        versions={},
        commit=None,
        seeds={"run": cell.config["seed"]},
        started=now(),
        finished=now(),
        error=None,
    )


tunegrid.run.run_pack = run_pack
