"""Plain CSV in the cell's `tracker/`: metrics.csv, one line per step and value, and scores.csv."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tunegrid.config import schema
from tunegrid.tracker import Recorder, RunInfo, Tracker


@schema("tracker", "csv")
@dataclass(kw_only=True, slots=True)
class Csv(Tracker):
    """Long format, so that a column never has to be added to a file that is being written."""

    @property
    def destination(self) -> str:
        return "csv"

    def open(self, info: RunInfo) -> Recorder:
        return _CsvRecorder(info)


class _CsvRecorder(Recorder):
    def __init__(self, info: RunInfo) -> None:
        self._folder = info.folder / "tracker"
        self._file = (self._folder / "metrics.csv").open("w", encoding="utf-8", newline="", buffering=1)
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._rows.writerow(["step", "name", "value"])

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._rows.writerows([step, name, value] for name, value in values.items())

    def finish(self, scores: Mapping[str, float], artifacts: list[Path], exit_code: int) -> None:
        self._file.close()
        with (self._folder / "scores.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["name", "value"])
            rows.writerows(scores.items())
            rows.writerow(["exit_code", exit_code])
