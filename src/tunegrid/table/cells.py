"""Cells as the table needs them: result.json and samples.json, read and checked against each other."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tunegrid.errors import DataError
from tunegrid.result import Cost, Result, Status

REPEAT_KEYS = frozenset({"seed"})
"""Config keys in which repeats of one row may differ."""
BASE = "base"
"""The method that leaves the model as it is; no seed can change its scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRecord:
    """One cell of a grid, finished or not."""

    id: str
    config: Mapping[str, Any]
    """Plain nested containers."""
    result: Result | None
    """None where no result.json was written."""
    statistics: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Score name → (instances, k) additive statistics; a score without them has no interval."""

    @property
    def status(self) -> Status:
        """How the cell ended, or pending."""
        return Status.PENDING if self.result is None else self.result.status

    @property
    def is_done(self) -> bool:
        """Whether the cell's scores may be shown."""
        return self.status is Status.DONE

    @property
    def is_base(self) -> bool:
        """Whether the cell is the untrained model."""
        return BASE in (setting(self.config, "schema.method"), setting(self.config, "method.kind"))

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

    Raises `DataError` naming the file where its content is not what a run writes.
    """
    path = folder / "result.json"
    if not path.exists():
        return CellRecord(id=identity, config=config, result=None)
    result = Result.read(path)
    statistics = _statistics(folder / "samples.json") if result.status is Status.DONE else {}
    return CellRecord(id=identity, config=config, result=result, statistics=statistics)


def _statistics(path: Path) -> dict[str, np.ndarray]:
    try:
        samples = json.loads(path.read_text(encoding="utf-8"))
        arrays = {name: np.asarray(entry["statistics"], dtype=np.float64) for name, entry in samples.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise DataError(
            f"{path}: not the samples of a finished cell ({problem}); rerun it with force=true"
        ) from problem
    for name, array in arrays.items():
        if array.ndim != 2 or not len(array):
            raise DataError(
                f"{path}: {name}.statistics must be a non-empty list of rows; rerun the cell with force=true"
            )
    return arrays
