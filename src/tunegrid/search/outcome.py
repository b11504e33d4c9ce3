"""What trials came to, read from their cells. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tunegrid.cell.result import Status
from tunegrid.search.options import SearchOptions
from tunegrid.search.study import Study, Trial
from tunegrid.table.cells import CellRecord, load_cell


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trial and what its cell left."""

    trial: Trial
    folder: Path
    record: CellRecord

    @property
    def status(self) -> Status:
        """How the cell ended, or has not."""
        return self.record.status

    @property
    def is_bad(self) -> bool:
        """Whether its values are known to be worse than those of trials that finished: stopped, diverged, too large."""
        return self.trial.stopped is not None or self.status in (Status.DIVERGED, Status.OOM)

    @property
    def is_broken(self) -> bool:
        """Whether it says nothing of its values."""
        return self.status is not Status.DONE and not self.is_bad


def outcomes(study: Study, output_root: str, batch: int | None = None) -> list[Outcome]:
    """Of all trials so far, or of those of one batch, in the order they were asked for."""
    found = []
    for trial in study.trials if batch is None else study.batch(batch):
        folder = Path(output_root) / "cells" / trial.cell
        record = load_cell(trial.cell, {}, folder)
        config = {} if record.result is None else record.result.config
        found.append(Outcome(trial, folder, replace(record, config=config)))
    return found


def ranked(trials: Sequence[Outcome], options: SearchOptions) -> list[Outcome]:
    """The finished trials that have the target, best first, each cell once."""
    scored = {
        outcome.record.id: (score, outcome)
        for outcome in reversed(trials)
        if (score := outcome.record.score(options.target)) is not None
    }
    sign = 1 if options.lower_is_better else -1
    return [outcome for _, outcome in sorted(scored.values(), key=lambda pair: (sign * pair[0], pair[1].trial.number))]
