"""Cells with made-up results, for the tests of what is on disk."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from command_line import SMALL

from tunegrid.cell.cell import AnswerRow, Cell
from tunegrid.cell.provenance import now
from tunegrid.cell.result import Cost, Failure, Result, ScoreValue, Status
from tunegrid.metrics import Score
from tunegrid.sweep.grid import grid_from
from tunegrid.sweep.job import without_scores


@cache
def composed_cell(*overrides: str) -> Cell:
    return grid_from([*SMALL, *overrides]).cells[0]


def cell(folder: Path, *overrides: str) -> Cell:
    made = composed_cell(*overrides)
    return replace(made, folder=folder / "cells" / made.id, run=replace(made.run, output_root=str(folder)))


def finished(of: Cell, status: Status = Status.DONE) -> Result:
    return without_scores(of, now(), status, Failure(kind="Test", message="made up"))


def complete(folder: Path, status: Status = Status.DONE, *overrides: str) -> Cell:
    """A cell that has ended and left a file of every kind; the checkpoint is none."""
    made = cell(folder, *overrides)
    made.write_config()
    for step in range(1, 20):
        made.append_metrics({"step": step, "loss": 1e-5 / step})
    made.write_answers([AnswerRow(key=f"k{i}", prompt="é", answer="a", references=("x",)) for i in range(30)])
    made.write_samples([Score("val_loss", np.linspace(0.1, 0.9, 60).reshape(30, 2))])
    for name, size in (("adapter_config.json", 300), ("adapter_model.safetensors", 9_000)):
        made.path("adapter").mkdir(exist_ok=True)
        (made.path("adapter") / name).write_bytes(bytes(range(256)) * (size // 256))
    made.path("checkpoint").mkdir()
    (made.path("checkpoint") / "state.safetensors").write_bytes(b"no checkpoint")
    made.write_result(scored(made, status))
    return made


def scored(of: Cell, status: Status) -> Result:
    return replace(
        finished(of, status),
        scores={"val_loss": ScoreValue(value=0.1 + 0.2, low=1e-05, high=None)},
        cost=Cost(training_s=12.5, steps=20, peak_training_bytes=10**9),
        protocol={"device": "cpu"},
    )


def flip(path: Path, bit: int) -> None:
    """Turn one bit of a file over."""
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes inside: what a full disk does, through the same system calls."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def parts(folder: Path) -> list[str]:
    """Temporary files, anywhere in a folder."""
    return [name for _, folders, files in os.walk(folder) for name in [*folders, *files] if name.endswith(".part")]
