"""The journal of a cell that another process records."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Unrecorded:
    """Knows where the cell's checkpoint is, and writes nothing."""

    folder: Path

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Forget the row."""

    def rewind(self, step: int) -> None:
        """Leave what another wrote."""
