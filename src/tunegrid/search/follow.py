"""Following packs while they train, and asking single cells to stop."""

import json
import math
import os
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tunegrid.cell.cell import STOP, Cell
from tunegrid.cell.integrity import METRICS
from tunegrid.cell.result import Status
from tunegrid.search.options import PrunerKind
from tunegrid.search.pruning import Curve, above_median, halved, lowest
from tunegrid.search.study import Stop, Study
from tunegrid.sweep.job import has_ended

INTERVAL_S = 0.5
"""Between two looks at the metrics of all cells that train."""


class Tail:
    """The validation losses in a metrics.jsonl that is being written; each line is read once."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / METRICS
        self.curve: dict[int, float] = {}
        self._offset, self._inode = 0, 0

    def read(self) -> Curve:
        """The losses so far. A file that was rewound is read from its beginning."""
        if not self.path.exists():
            return {}
        with self.path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_ino != self._inode or status.st_size < self._offset:
                self.curve, self._offset, self._inode = {}, 0, status.st_ino
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                self._take(line)
        return self.curve

    def _take(self, line: bytes) -> None:
        if b'"val_loss"' in line:
            row = json.loads(line)
            self.curve[row["step"]] = row["val_loss"] if math.isfinite(row["val_loss"]) else math.inf


class Follower:
    """Stops cells of one batch by the search's rule.

    What it decides is a function of validation losses alone: of finished trials of earlier batches, and of the same
    pack at the same step. So a search that was interrupted decides the same again.
    """

    def __init__(
        self, pruner: PrunerKind, study: Study, batch: int, packs: Sequence[Sequence[Cell]], done: Sequence[Curve]
    ) -> None:
        self.pruner, self.study, self.batch, self.done = pruner, study, batch, done
        self.packs = [{cell.id: cell for cell in pack} for pack in packs]
        self._tails = {cell.id: Tail(cell.folder) for pack in packs for cell in pack}

    def look(self) -> None:
        """Read what is new, and ask every cell to stop that has to and still runs.

        It is asked again and again: a cell that goes on after an interruption forgets that it was asked.
        """
        for pack in self.packs:
            curves = {name: self._tails[name].read() for name in pack}
            ended = {name for name, cell in pack.items() if has_ended(cell) or cell.status() is Status.PRUNED}
            for name, step in self._stops(pack, curves, ended).items():
                self._record(name, Stop(step, lowest(curves[name], step)))
                if name not in ended:
                    pack[name].path(STOP).touch()

    def _stops(
        self, pack: Mapping[str, Cell], curves: Mapping[str, Curve], ended: Collection[str]
    ) -> Mapping[str, int]:
        """The cells to stop, each with the step that decided it."""
        steps = {name: cell.config["objective"]["steps"] for name, cell in pack.items()}
        if self.pruner is PrunerKind.successive_halving:
            every = next(iter(pack.values())).config["objective"]["validate_every"]
            return halved(curves, ended, every, min(steps.values()))
        found = {name: above_median(curves[name], self.done, steps[name]) for name in pack}
        return {name: step for name, step in found.items() if step is not None}

    def _record(self, cell: str, stop: Stop) -> None:
        if any(trial.cell == cell and trial.stopped is None for trial in self.study.batch(self.batch)):
            self.study.stop(self.batch, cell, stop)


@contextmanager
def following(follower: Follower) -> Iterator[None]:
    """Look again and again, in a thread, while the `with` block runs, and once more where it has ended well."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(INTERVAL_S):
            follower.look()

    thread = threading.Thread(target=watch, name="follow-packs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    follower.look()
