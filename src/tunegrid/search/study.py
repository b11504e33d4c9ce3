"""The record of a search: `<output_root>/<name>/study.json`, what was asked for and what was stopped early.

What a trial came to is in its cell; the study holds what no cell can tell.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tunegrid.atomic import write_atomically
from tunegrid.errors import ConfigError, DataError
from tunegrid.search.options import SearchOptions
from tunegrid.search.space import Space, Values

VERSION = 1
"""The version of study.json's shape."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the pruner stopped a trial."""

    step: int
    """Of the validation that decided it; training notices some steps later."""
    val_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One trial."""

    number: int
    batch: int
    """Trials of one batch were asked for together, when those of the batches before were known."""
    values: Values
    cell: str
    """The cell's id."""
    stopped: Stop | None


class Study:
    """All trials of a search, in the order they were asked for."""

    def __init__(self, path: Path, settings: Mapping[str, Any], trials: Sequence[Trial]) -> None:
        self.path, self.settings, self.trials = path, settings, list(trials)

    @staticmethod
    def read(path: Path, settings: Mapping[str, Any]) -> "Study":
        """The study at `path`, without trials where there is none yet.

        Raises `ConfigError` where it was begun with other settings, `DataError` where the file is not one of ours.
        """
        if not path.exists():
            return Study(path, settings, [])
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["version"] != VERSION:
                raise ValueError(f"version {record['version']}, this tunegrid reads version {VERSION}")
            begun, trials = record["settings"], [_trial(entry) for entry in record["trials"]]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path}: not a study of this tunegrid ({error}); remove it to search anew") from error
        for key in (key for key in settings if begun.get(key) != settings[key]):
            raise ConfigError(
                f"{path}: the search was begun with {key} {begun.get(key)}, not {settings[key]}; "
                "keep what it was begun with, or begin another with name=OTHER"
            )
        return Study(path, settings, trials)

    def save(self) -> None:
        """Write study.json."""
        record = {"version": VERSION, "settings": self.settings, "trials": [asdict(trial) for trial in self.trials]}
        write_atomically(self.path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")

    @property
    def batches(self) -> int:
        """How many batches have been asked for."""
        return self.trials[-1].batch + 1 if self.trials else 0

    def batch(self, number: int) -> list[Trial]:
        """The trials of one batch."""
        return [trial for trial in self.trials if trial.batch == number]

    def add_batch(self, asked: Sequence[tuple[Values, str]]) -> None:
        """Take in the values and the cell ids of a new batch."""
        first, batch = len(self.trials), self.batches
        self.trials += [
            Trial(number=first + i, batch=batch, values=values, cell=cell, stopped=None)
            for i, (values, cell) in enumerate(asked)
        ]
        self.save()

    def withdraw(self, batch: int) -> None:
        """Forget a batch of which nothing was run; of the only one, also the file and the folders that leaves empty."""
        self.trials = [trial for trial in self.trials if trial.batch != batch]
        if self.trials:
            self.save()
            return
        self.path.unlink()
        for folder in (self.path.parent, self.path.parent.parent):
            if not any(folder.iterdir()):
                folder.rmdir()

    def stop(self, batch: int, cell: str, stop: Stop) -> None:
        """Record that a batch's trials on `cell` were stopped."""
        self.trials = [
            replace(trial, stopped=stop) if (trial.batch, trial.cell) == (batch, cell) else trial
            for trial in self.trials
        ]
        self.save()


def settings_of(options: SearchOptions, space: Space) -> dict[str, Any]:
    """What has to stay as it is for a search to go on: everything but the number of trials."""
    return {
        "ranges": {key: str(dimension) for key, dimension in space.dimensions.items()},
        "target": options.target,
        "batch": options.batch,
        "sampler": options.sampler.value,
        "seed": options.seed,
        "pruner": options.pruner.value,
    }


def _trial(entry: Mapping[str, Any]) -> Trial:
    stopped = entry["stopped"]
    return Trial(**{**entry, "stopped": None if stopped is None else Stop(**stopped)})
