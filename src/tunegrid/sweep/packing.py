"""Which cells of a sweep train together."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from tunegrid.cell.cell import Cell
from tunegrid.cell.identity import SCHEMA
from tunegrid.method import Alone
from tunegrid.sweep.grid import GridPoint
from tunegrid.sweep.options import PackMode


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


def plan_packs(
    points: Sequence[GridPoint], fits: Callable[[Sequence[Cell]], bool] = lambda cells: True
) -> list[PackPlan]:
    """Group the cells of a grid that may share a base, evenly filled, in grid order.

    A pack has at most `sweep.max_pack` cells, and fewer where `fits` says that so many have no room.
    """
    families: dict[str, list[GridPoint]] = {}
    for point in points:
        families.setdefault(pack_key(point.cell) or f"alone {point.cell.id}", []).append(point)
    return [pack for family in families.values() for pack in _divided(family, fits)]


def _divided(family: Sequence[GridPoint], fits: Callable[[Sequence[Cell]], bool]) -> list[PackPlan]:
    """The fewest even packs that fit; cells alone where none does."""
    fewest = ceil(len(family) / family[0].cell.run.sweep.max_pack)
    packs: list[PackPlan] = []
    for size in dict.fromkeys(ceil(len(family) / parts) for parts in range(fewest, len(family) + 1)):
        packs = [PackPlan(tuple(family[start : start + size])) for start in range(0, len(family), size)]
        if all(fits(pack.cells) for pack in packs):
            break
    return packs


def pack_key(cell: Cell) -> str | None:
    """Cells with equal keys can be trained on one base; None: this cell needs its own.

    Equal is everything but the method, the seed and the objective's per-cell fields.
    """
    family = cell.run.method.pack_family()
    if isinstance(family, Alone) or cell.run.objective.alone() or cell.run.sweep.pack is PackMode.off:
        return None
    apart = set(cell.run.objective.per_cell())
    shared = {key: value for key, value in cell.config.items() if key not in ("method", "seed")}
    shared["objective"] = {key: value for key, value in shared["objective"].items() if key not in apart}
    shared[SCHEMA] = {group: name for group, name in shared[SCHEMA].items() if group != "method"}
    return json.dumps([family, shared], sort_keys=True, default=str)
