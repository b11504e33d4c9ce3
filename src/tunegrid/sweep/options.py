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


class Retry(Enum):
    """Which cells that ended without a result of use run again. Interrupted ones always go on."""

    none = "none"
    failed = "failed"
    oom = "oom"
    all = "all"


@dataclass(kw_only=True, slots=True)
class Sweep:
    """How a grid is run."""

    pack: PackMode
    max_pack: int
    """Cells in one pack at most."""
    memory_limit_gb: float | None
    """Memory that a pack may take, in 10^9 bytes: packs are made smaller until they fit, and a cell that does not fit
    alone is refused; null: what is free when the sweep starts."""
    retry: Retry
    time_limit_s: float | None
    """A pack that runs for longer is stopped, as after a signal, and recorded as failed; null: no limit."""
    baselines: list[str]
    """Extra cells, each given as overrides with spaces between, for example `method=base`."""
    stages: dict[str, list[str]]
    """A chain: grids that run one after another, by name, each as overrides with spaces between. In a value,
    `stage:NAME` is the folder of that earlier stage's cell which agrees in all that both vary. Empty: one grid."""
    cells: list[str]
    """Ids of the cells of the pack that this process runs; filled in by the sweeper."""

    def __post_init__(self) -> None:
        require(self.max_pack >= 1, "sweep.max_pack", "be at least 1", self.max_pack)
        memory = self.memory_limit_gb
        require(memory is None or memory > 0, "sweep.memory_limit_gb", "be above 0 or null", memory)
        bare = not (self.stages and self.baselines)
        require(bare, "sweep.baselines", "be empty beside sweep.stages: a stage has several grids", self.baselines)
        for name, grids in self.stages.items():
            require(name.isidentifier(), "sweep.stages", "have names of letters, digits and underscores", name)
            require(bool(grids), f"sweep.stages.{name}", "have at least one grid", grids)
        limit = self.time_limit_s
        require(limit is None or limit > 0, "sweep.time_limit_s", "be above 0 or null", limit)
