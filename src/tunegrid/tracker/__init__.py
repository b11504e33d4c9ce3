"""Mirrors of a cell's metrics.jsonl. The file is the record; a tracker that fails costs nothing."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a tracker needs to know of a cell."""

    id: str
    name: str
    """Readable, for example `lora_r16_s0`."""
    group: str
    """The sweep's name."""
    config: Mapping[str, Any]
    """Plain containers, no DictConfig."""
    folder: Path
    """The cell's folder; a tracker may write in `folder/tracker/`."""


class Recorder(ABC):
    """One open run of one tracker."""

    @abstractmethod
    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Mirror one row of metrics.jsonl."""

    @abstractmethod
    def finish(self, scores: Mapping[str, float], artifacts: list[Path], exit_code: int) -> None:
        """Record final scores and files (tables, figures), then close the run."""


@dataclass(kw_only=True, slots=True)
class Tracker(ABC):
    """Where metrics are mirrored to."""

    @abstractmethod
    def open(self, info: RunInfo) -> Recorder:
        """Start a run. Several may be open at once in one process."""
