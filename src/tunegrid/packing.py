"""Which cells of a sweep train together."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from tunegrid.cell import Cell
from tunegrid.grid import GridPoint
from tunegrid.identity import SCHEMA
from tunegrid.sweep_options import PackMode


@dataclass(frozen=True, slots=True)
class PackPlan:
    """Cells that one process trains on one base model."""

    points: tuple[GridPoint, ...]

    @property
    def cells(self) -> list[Cell]:
        """The pack's cells in grid order."""
        return [point.cell for point in self.points]

    @property
    def overrides(self) -> list[str]:
        """The command line of the pack's process: the first cell's, and the ids of all."""
        ids = ",".join(f"'{cell.id}'" for cell in self.cells)  # quoted: 12e4… would be read as a number
        return [*self.points[0].overrides, f"sweep.cells=[{ids}]"]


def plan_packs(points: Sequence[GridPoint]) -> list[PackPlan]:
    """Group the cells of a grid that may share a base, at most `sweep.max_pack` each, evenly filled, in grid order."""
    families: dict[str, list[GridPoint]] = {}
    for point in points:
        families.setdefault(pack_key(point.cell) or f"alone {point.cell.id}", []).append(point)
    packs = []
    for family in families.values():
        parts = ceil(len(family) / family[0].cell.run.sweep.max_pack)
        size = ceil(len(family) / parts)
        packs += [PackPlan(tuple(family[start : start + size])) for start in range(0, len(family), size)]
    return packs


def pack_key(cell: Cell) -> str | None:
    """Cells with equal keys can be trained on one base; None: this cell needs its own.

    Equal is everything but the method, the seed and the objective's per-cell fields.
    """
    family = cell.run.method.pack_family()
    if family is None or cell.run.sweep.pack is PackMode.off:
        return None
    apart = set(cell.run.objective.per_cell())
    shared = {key: value for key, value in cell.config.items() if key not in ("method", "seed")}
    shared["objective"] = {key: value for key, value in shared["objective"].items() if key not in apart}
    shared[SCHEMA] = {group: name for group, name in shared[SCHEMA].items() if group != "method"}
    return json.dumps([family, shared], sort_keys=True, default=str)
