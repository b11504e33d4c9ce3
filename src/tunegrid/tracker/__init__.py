"""Mirrors of a cell's metrics.jsonl. The file is the record; a tracker that fails costs nothing."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunegrid.cell.cell import Cell
    from tunegrid.run import Run


@dataclass(frozen=True, kw_only=True, slots=True)
class RunInfo:
    """A folder that is mirrored as one run: a cell's, or that of a sweep's table."""

    id: str
    name: str
    """Readable, for example `lora_r16_s0`."""
    group: str
    """The sweep's name."""
    folder: Path
    """A tracker may write in `folder/tracker/`."""

    @staticmethod
    def of_cell(cell: "Cell") -> "RunInfo":
        """The run of one cell."""
        return RunInfo(id=cell.id, name=cell.title, group=cell.run.name, folder=cell.folder)

    @staticmethod
    def of_table(run: "Run") -> "RunInfo":
        """The run that shows a sweep's table and figure."""
        return RunInfo(id="table", name="table", group=run.name, folder=Path(run.output_root) / run.name)

    def config(self) -> dict[str, Any]:
        """The cell's config.yaml as plain containers; empty for a table."""
        from omegaconf import OmegaConf

        path = self.folder / "config.yaml"
        config = OmegaConf.to_container(OmegaConf.load(path)) if path.exists() else {}
        assert isinstance(config, dict)
        return {str(key): value for key, value in config.items()}

    def to_record(self) -> dict[str, str]:
        """As JSON can hold it."""
        return {**asdict(self), "folder": str(self.folder)}

    @staticmethod
    def from_record(record: Mapping[str, str]) -> "RunInfo":
        """The inverse of `to_record`."""
        return RunInfo(id=record["id"], name=record["name"], group=record["group"], folder=Path(record["folder"]))


class Recorder(ABC):
    """One open run of one tracker."""

    first_step: int = 0
    """The first step that the tracker does not have yet, from an earlier process that did not finish."""

    @abstractmethod
    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Mirror what metrics.jsonl has of one step. Steps come in order, each once."""

    @abstractmethod
    def finish(self, scores: Mapping[str, float], artifacts: list[Path], exit_code: int) -> None:
        """Record final scores and files (tables, figures), then close the run."""


@dataclass(kw_only=True, slots=True)
class Tracker(ABC):
    """Where metrics are mirrored to. Runs are opened in a process of their own, which imports no torch."""

    @property
    @abstractmethod
    def destination(self) -> str | None:
        """Where runs go, in words; what has gone there once does not go again. None: nothing is mirrored."""

    def address(self) -> str | None:
        """The server that has to answer; None where there is none."""
        return None

    @abstractmethod
    def open(self, info: RunInfo) -> Recorder:
        """Start a run, or go on with it. Several may be open at once in one process.

        A tracker that cannot go on with a run begins it anew: what an earlier process left of it is replaced.
        """
