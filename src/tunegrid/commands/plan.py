"""`tunegrid plan ...`: what the same arguments without `plan` would run. Writes nothing."""

from collections.abc import Sequence

from tunegrid.arguments import check_flags, overrides_of
from tunegrid.cell import Cell
from tunegrid.grid import Grid, grid_from
from tunegrid.job import counted, is_due
from tunegrid.packing import PackPlan, plan_packs

USAGE = """usage: tunegrid plan [-m] [--config-dir DIR] OVERRIDES

Show what a sweep with the same arguments would run: cells, duplicates, finished ones, packs. Writes nothing."""


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    flags = check_flags(arguments)
    if flags.help:
        print(USAGE)
        return 0
    print("\n".join(describe(grid_from(overrides_of(flags)))))
    return 0


def describe(grid: Grid) -> list[str]:
    """The plan, line by line."""
    due = [point for point in grid.points if is_due(point.cell)]
    packs = plan_packs(due)
    numbers = {point.cell.id: number for number, pack in enumerate(packs, 1) for point in pack.points}
    width = max(len(point.cell.title) for point in grid.points)
    lines = [
        f"{point.cell.id}  {point.cell.title:{width}}  {_state(point.cell, numbers):12}  {' '.join(point.overrides)}"
        for point in grid.points
    ]
    lines += [
        f"{'duplicate':16}  {'':{width}}  {'left out':12}  {' '.join(overrides)}" for overrides in grid.duplicates
    ]
    return [*lines, "", totals(grid, len(due), packs)]


def totals(grid: Grid, due: int, packs: Sequence[PackPlan]) -> str:
    """One line: cells, finished ones, duplicates, packs and their sizes."""
    parts = [
        counted(len(grid.points), "cell"),
        f"{len(grid.points) - due} finished",
        counted(len(grid.duplicates), "duplicate"),
        f"{counted(len(packs), 'pack')} to run",
    ]
    sizes = f" of {', '.join(str(len(pack.points)) for pack in packs)}" if packs else ""
    return f"{' · '.join(parts)}{sizes}"


def _state(cell: Cell, numbers: dict[str, int]) -> str:
    number = numbers.get(cell.id)
    return cell.status().value if number is None else f"pack {number}"
