"""`tunegrid plan ...`: what the same arguments without `plan` would run, and what it would take. Writes nothing."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from tunegrid.arguments import check_flags, overrides_of
from tunegrid.cell.cell import Cell
from tunegrid.cell.identity import SCHEMA
from tunegrid.data.row_lengths import RowLengths
from tunegrid.method import Alone
from tunegrid.search.options import is_search
from tunegrid.search.report import describe, progress
from tunegrid.search.trials import Search
from tunegrid.sweep.forecast import GB, Engine, Forecasts
from tunegrid.sweep.forecast_memory import PARTS, PackMemory
from tunegrid.sweep.forecast_time import PackTime, finished_cells
from tunegrid.sweep.grid import Grid, arguments_of, composed
from tunegrid.sweep.job import counted, seems_due
from tunegrid.sweep.packing import PackPlan, plan_packs
from tunegrid.sweep.probe import probe
from tunegrid.sweep.stages import Chain

PROBE = "--probe"
USAGE = """usage: tunegrid plan [--probe] [-m] [--config-dir DIR] OVERRIDES

Show what a sweep with the same arguments would run: cells, duplicates, finished ones, packs, with a forecast of memory
and, where cells like them are finished, of time. Writes nothing. --probe measures the time with three steps of each
kind of pack, in a temporary folder."""


def main(arguments: Sequence[str]) -> int:
    """Run the command. Raises `ConfigError` for a cell that cannot fit into memory."""
    flags = check_flags([argument for argument in arguments if argument != PROBE])
    if flags.help:
        print(USAGE)
        return 0
    with composed(overrides_of(flags)) as (loader, master):
        plan = plan_search(loader, master) if is_search(master) else plan_grid(loader, master)
        probing = PROBE in arguments and plan.packs
        finished = probe(loader, master, plan.packs) if probing else finished_cells(plan.output_root)
    times = [plan.forecasts.time(pack.cells, finished) for pack in plan.packs]
    print("\n".join(plan.contents))
    print()
    if plan.packs:
        Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160).print(pack_table(plan, times))
        print()
    print("\n".join([*plan.totals, *notes(plan, times)]))
    return 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What would run."""

    contents: Sequence[str]
    """Lines on all of it."""
    totals: Sequence[str]
    packs: Sequence[PackPlan]
    """All of a grid's; of a search those of one batch, at its largest."""
    batches: int
    """How often such packs would run."""
    forecasts: Forecasts
    output_root: Path


def plan_grid(loader: ConfigLoader, master: DictConfig) -> Plan:
    """What a sweep of the grid would run; of a chain, of the first stage that is not done."""
    chain, forecasts = Chain(loader, master, arguments_of(master)), Forecasts(Engine.of(master.hydra.launcher))
    grid = chain.grid(chain.begun()[-1])
    due = [point for point in grid.points if seems_due(point.cell)]
    packs = forecasts.packs(due)
    return Plan(
        contents=[*stages_before(chain), *cell_lines(grid, packs), *stages_behind(chain)],
        totals=[totals(grid, len(due), packs)],
        packs=packs,
        batches=1,
        forecasts=forecasts,
        output_root=Path(grid.run.output_root),
    )


def plan_search(loader: ConfigLoader, master: DictConfig) -> Plan:
    """What the search would run: its values are not known yet, so every batch is taken for the largest there can be."""
    search = Search(loader, master, arguments_of(master))
    due = search.due()
    batches = ceil((due + search.left) / search.options.batch)
    return Plan(
        contents=[*describe(search), *(["", "a batch at its largest:"] if batches else [])],
        totals=progress(search, due),
        packs=search.largest_batch() if batches else [],
        batches=batches,
        forecasts=search.forecasts,
        output_root=Path(search.run.output_root),
    )


def stages_before(chain: Chain) -> list[str]:
    """A line for each stage of a chain that is done, and one for that whose cells follow."""
    *done, current = chain.begun()
    lines = [f"stage {name}: {counted(len(chain.grid(name).points), 'cell')}, finished" for name in done]
    return lines if current is None else [*lines, f"stage {current}:"]


def stages_behind(chain: Chain) -> list[str]:
    """A line for each stage of a chain whose cells are not known yet."""
    known = len(chain.begun())
    pairs = zip(chain.names[known - 1 :], chain.names[known:], strict=False)
    return [f"stage {name}: {counted(chain.size(name), 'cell')}, known when {before} is done" for before, name in pairs]


def cell_lines(grid: Grid, packs: Sequence[PackPlan]) -> list[str]:
    """A line for each cell of the grid and each duplicate."""
    numbers = {point.cell.id: number for number, pack in enumerate(packs, 1) for point in pack.points}
    width = max(len(point.cell.title) for point in grid.points)
    lines = [
        f"{point.cell.id}  {point.cell.title:{width}}  {_state(point.cell, numbers):12}  {' '.join(point.overrides)}"
        for point in grid.points
    ]
    return lines + [
        f"{'duplicate':16}  {'':{width}}  {'left out':12}  {' '.join(overrides)}" for overrides in grid.duplicates
    ]


def pack_table(plan: Plan, times: Sequence[PackTime | None]) -> Table:
    """Each pack with its forecasts, memory in GB."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("", "cells", "memory", *PARTS, "time"):
        table.add_column(heading, justify="left" if heading == "" else "right")
    for number, (pack, time) in enumerate(zip(plan.packs, times, strict=True), 1):
        memory = plan.forecasts.memory(pack.cells)
        sizes = ["no forecast", *[""] * len(PARTS)] if isinstance(memory, str) else _sizes(memory)
        seconds = "" if time is None else duration(time.total)
        table.add_row(f"pack {number}", str(len(pack.points)), *sizes, seconds)
    return table


def _sizes(memory: PackMemory) -> list[str]:
    return [f"{memory.total / GB:.2f} GB", *(f"{size / GB:.2f}" for size in memory.parts().values())]


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


def notes(plan: Plan, times: Sequence[PackTime | None]) -> list[str]:
    """What the forecasts come to, and what they rest on."""
    if not plan.packs:
        return []
    return [*alone_notes(plan.packs), *memory_notes(plan.packs, plan.forecasts), time_note(plan, times)]


def alone_notes(packs: Sequence[PackPlan]) -> list[str]:
    """The methods and objectives whose cells share no base with others, and why."""
    families: dict[str, str | Alone | None] = {}
    for cell in (cell for pack in packs for cell in pack.cells):
        families[cell.run.method.kind] = cell.run.method.pack_family()
        families[f"objective={cell.config[SCHEMA]['objective']}"] = cell.run.objective.alone()
    return [f"{kind} runs alone: {family.because}" for kind, family in families.items() if isinstance(family, Alone)]


def memory_notes(packs: Sequence[PackPlan], forecasts: Forecasts) -> list[str]:
    """The largest pack beside what is there; why there is no forecast; whether memory made packs smaller."""
    found = [forecasts.memory(pack.cells) for pack in packs]
    lines = [f"no forecast of memory: {reason}" for reason in dict.fromkeys(m for m in found if isinstance(m, str))]
    known = [memory.total for memory in found if isinstance(memory, PackMemory)]
    room = forecasts.room(packs[0].cells[0])
    if known:
        rows = forecasts.lengths(packs[0].cells[0])
        guessed = isinstance(rows, RowLengths) and rows.estimated
        have = f" of {room.limit_bytes / GB:.1f} GB ({room.source})" if room else ""
        basis = "; rows not tokenised yet, their tokens estimated from characters" if guessed else ""
        lines.append(f"memory: at most {max(known) / GB:.1f} GB{have}{basis}")
    fewer = len(plan_packs([point for pack in packs for point in pack.points]))
    if fewer < len(packs):
        lines.append(f"memory: {counted(len(packs), 'pack')} where sweep.max_pack alone would give {fewer}")
    return lines


def time_note(plan: Plan, times: Sequence[PackTime | None]) -> str:
    """The whole sweep's time and where the figure comes from."""
    known = [time for time in times if time is not None]
    if len(known) < len(times):
        share = f" for {len(times) - len(known)} of {len(times)} packs" if known else ""
        return f"time unknown{share}; --probe measures three steps"
    total = plan.batches * sum(time.total for time in known) / plan.forecasts.at_once
    of_batches = f" for {plan.batches} such batches" if plan.batches > 1 else ""
    basis = counted(max(time.cells for time in known), "finished cell")
    return f"time: about {duration(total)}{of_batches}, from {basis} like these"


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def _state(cell: Cell, numbers: Mapping[str, int]) -> str:
    number = numbers.get(cell.id)
    return cell.status().value if number is None else f"pack {number}"
