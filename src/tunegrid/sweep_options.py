"""The `sweep:` block of a run."""

from dataclasses import dataclass
from enum import Enum

from tunegrid.config import require


class PackMode(Enum):
    """Whether cells that can share a frozen base are trained together. In YAML write `"off"` with quotes."""

    auto = "auto"
    """Together, in shared matrix products."""
    off = "off"
    """Each alone."""
    strict = "strict"
    """Together, each cell in matrix products of its own."""


@dataclass(kw_only=True, slots=True)
class Sweep:
    """How a grid is run."""

    pack: PackMode
    max_pack: int
    """Cells in one pack at most."""
    baselines: list[str]
    """Extra cells, each given as overrides with spaces between, for example `method=base`."""
    cells: list[str]
    """Ids of the cells of the pack that this process runs; filled in by the sweeper."""

    def __post_init__(self) -> None:
        require(self.max_pack >= 1, "sweep.max_pack", "be at least 1", self.max_pack)
