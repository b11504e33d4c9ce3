"""One point of a grid: its identity, its folder, its status, and every file in it."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from omegaconf import OmegaConf

from tunegrid.atomic import write_atomically
from tunegrid.identity import SCHEMA, Fingerprints, cell_config, cell_id, restore
from tunegrid.result import Result, Status

if TYPE_CHECKING:
    from tunegrid.metrics import Score
    from tunegrid.run import Run


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerRow:
    """One line of answers.jsonl."""

    key: str
    """The test instance's key."""
    prompt: str
    answer: str
    references: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One point of a grid."""

    id: str
    folder: Path
    config: Mapping[str, Any]
    """Resolved plain config: the run without bookkeeping, and each component's schema name."""
    run: "Run"

    @staticmethod
    def of(run: "Run", known: Fingerprints | None = None) -> "Cell":
        """The cell of a resolved run. `known` spares reading data and model files that a cell before it had too."""
        config = cell_config(run)
        fingerprints = Fingerprints() if known is None else known
        identifier = cell_id(config, fingerprints.of_data(run.data), fingerprints.of_model(run.model))
        return Cell._at(identifier, config, run)

    @staticmethod
    def load(identifier: str, like: "Run") -> "Cell":
        """The cell whose config.yaml an earlier process wrote; hardware and bookkeeping are those of `like`."""
        path = Path(like.output_root) / "cells" / identifier / "config.yaml"
        config = OmegaConf.to_container(OmegaConf.load(path))
        run = restore(cast(dict[str, Any], config), like)
        return Cell._at(identifier, cell_config(run), run)

    @staticmethod
    def _at(identifier: str, config: Mapping[str, Any], run: "Run") -> "Cell":
        return Cell(id=identifier, folder=Path(run.output_root) / "cells" / identifier, config=config, run=run)

    @property
    def title(self) -> str:
        """A short name for people: the method, its rank where it has one, the seed. For example `lora_r16_s0`."""
        rank = self.config["method"].get("rank")
        return f"{self.config[SCHEMA]['method']}{'' if rank is None else f'_r{rank}'}_s{self.config['seed']}"

    def path(self, name: str) -> Path:
        """A file or folder of this cell."""
        return self.folder / name

    def result(self) -> Result | None:
        """result.json, or None while the cell has not ended."""
        path = self.path("result.json")
        return Result.read(path) if path.exists() else None

    def status(self) -> Status:
        """How the cell ended, or `PENDING`."""
        result = self.result()
        return Status.PENDING if result is None else result.status

    def samples(self) -> dict[str, np.ndarray]:
        """Per-instance statistics by metric: (instances, k) float64 each."""
        stored = json.loads(self.path("samples.json").read_text(encoding="utf-8"))
        return {name: np.asarray(entry["statistics"], dtype=np.float64) for name, entry in stored.items()}

    def write_config(self) -> None:
        """Write config.yaml: the cell starts."""
        write_atomically(self.path("config.yaml"), OmegaConf.to_yaml(OmegaConf.create(dict(self.config))))

    def write_result(self, result: Result) -> None:
        """Write result.json; with status `done` it is the last file of the cell."""
        result.write(self.path("result.json"))

    def write_samples(self, scores: Iterable["Score"]) -> None:
        """Write samples.json: each metric's per-instance statistics."""
        record = {score.name: {"statistics": np.asarray(score.statistics, np.float64).tolist()} for score in scores}
        write_atomically(self.path("samples.json"), json.dumps(record) + "\n")

    def write_answers(self, rows: Sequence[AnswerRow]) -> None:
        """Write answers.jsonl, one test instance a line."""
        lines = (
            json.dumps(
                {"key": row.key, "prompt": row.prompt, "answer": row.answer, "references": list(row.references)},
                ensure_ascii=False,
            )
            for row in rows
        )
        write_atomically(self.path("answers.jsonl"), "".join(f"{line}\n" for line in lines))

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Append a line to metrics.jsonl, on its way to the disk when this returns."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.path("metrics.jsonl").open("a", encoding="utf-8", buffering=1) as file:
            file.write(json.dumps(dict(row)) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl; a last line that a kill cut short is left out."""
        path = self.path("metrics.jsonl")
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def rewind_metrics(self, step: int) -> None:
        """Before going on from a checkpoint taken at `step`: drop the rows that will be written again."""
        kept = [row for row in self.metrics() if row.get("step", 0) <= step]
        write_atomically(self.path("metrics.jsonl"), "".join(json.dumps(row) + "\n" for row in kept))

    def clear(self) -> None:
        """Remove everything but the lock: the cell runs anew."""
        if self.folder.exists():
            for entry in self.folder.iterdir():
                if entry.name == LOCK:
                    continue
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()

    def discard_unstarted(self) -> None:
        """Remove a folder that holds nothing but its config: nothing was run in it."""
        if self.folder.exists() and {entry.name for entry in self.folder.iterdir()} <= {"config.yaml", LOCK}:
            shutil.rmtree(self.folder)
            for folder in (self.folder.parent, self.folder.parent.parent):
                if folder.exists() and not any(folder.iterdir()):
                    folder.rmdir()


LOCK = ".lock"


@contextmanager
def lock(cells: Sequence[Cell], *, wait: bool) -> Iterator[list[Cell]]:
    """Hold the locks of `cells`; yields those that were got, in the order given.

    With `wait` all of them are got, sooner or later; without, those that another process holds are left out. Locks are
    taken in the order of ids, so that two sweeps cannot wait for each other, and end with the process that holds them.
    """
    with ExitStack() as stack:
        held = set()
        for cell in sorted(cells, key=lambda cell: cell.id):
            descriptor = _lock(cell, wait)
            if descriptor is not None:
                stack.callback(os.close, descriptor)
                held.add(cell.id)
        yield [cell for cell in cells if cell.id in held]


def _lock(cell: Cell, wait: bool) -> int | None:
    """A descriptor that holds the cell's lock while it is open; None where another process holds it."""
    import fcntl

    while True:
        cell.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(cell.path(LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        if cell.path(LOCK).exists() and os.path.samestat(os.fstat(descriptor), cell.path(LOCK).stat()):
            return descriptor
        os.close(descriptor)  # its holder removed the file meanwhile: what we have locked is no longer the cell's lock
