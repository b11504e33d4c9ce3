"""Cells as the table needs them: result.json and samples.json, read and checked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tunegrid.cell.integrity import SAMPLES, read_result, read_samples
from tunegrid.cell.result import Cost, Result, Status
from tunegrid.errors import DamagedError, DataError

REPEAT_KEYS = frozenset({"seed"})
"""Config keys in which repeats of one row may differ."""
BASE = "base"
"""The method that leaves the model as it is; no seed can change its scores."""
DRAWING = ("candidates", "constitution")
"""Objectives whose scores are of what the model as it is draws, by the seed."""
TRAINED_MODEL = "cell"
"""The model that another cell has trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRecord:
    """One cell of a grid, finished or not."""

    id: str
    config: Mapping[str, Any]
    """Plain nested containers."""
    result: Result | None
    """None where no result.json was written, or what it says cannot be believed."""
    statistics: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Score name → (instances, k) additive statistics; a score without them has no interval."""
    damage: str | None = None
    """In one line, the file that is not what was written."""

    @property
    def status(self) -> Status:
        """How the cell ended, or pending, or damaged."""
        if self.result is None:
            return Status.PENDING if self.damage is None else Status.DAMAGED
        return self.result.status

    @property
    def is_done(self) -> bool:
        """Whether the cell's scores may be shown."""
        return self.status is Status.DONE

    @property
    def is_base(self) -> bool:
        """Whether the cell is the untrained model."""
        kinds = {group: setting(self.config, f"schema.{group}") for group in ("model", "method", "objective")}
        is_bare = BASE in (kinds["method"], setting(self.config, "method.kind"))
        return is_bare and kinds["model"] != TRAINED_MODEL and kinds["objective"] not in DRAWING

    @property
    def cost(self) -> Cost:
        """What the cell took; all None where it has no result."""
        return Cost() if self.result is None else self.result.cost

    def score(self, name: str) -> float | None:
        """A finished cell's score; None where it has none or it is not finite."""
        found = self.result.scores.get(name) if self.result is not None and self.is_done else None
        return found.value if found is not None and math.isfinite(found.value) else None


def setting(config: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key of a plain config; None where there is none."""
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def load_cell(identity: str, config: Mapping[str, Any], folder: Path) -> CellRecord:
    """Read one cell's folder. A folder without result.json is a pending cell.

    Raises `DataError` naming the file where another version of tunegrid wrote it, or no test instance was scored.
    """
    try:
        result = read_result(folder)
        statistics = read_samples(folder, result) if result is not None and result.status is Status.DONE else {}
    except DamagedError as error:
        return CellRecord(id=identity, config=config, result=None, damage=str(error))
    for name, array in statistics.items():
        if array.ndim != 2 or not len(array):
            raise DataError(
                f"{folder / SAMPLES}: {name}.statistics must be a non-empty list of rows; "
                "rerun the cell with force=true"
            )
    return CellRecord(id=identity, config=config, result=result, statistics=statistics)
