"""A sweep: check every cell, leave out what is done, pack the rest, launch the packs, print the table."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_loader import ConfigLoader
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from tunegrid.atomic import DiskFullError
from tunegrid.cell.cell import Cell, is_locked, lock
from tunegrid.cell.provenance import now
from tunegrid.cell.result import Failure, Status
from tunegrid.cell.start import offer
from tunegrid.data.check import check
from tunegrid.errors import UserError
from tunegrid.interrupt import Interrupted
from tunegrid.sweep.forecast import fitting_packs
from tunegrid.sweep.grid import Grid, GridPoint
from tunegrid.sweep.job import RETRIED, CellsBusy, CellsFailed, counted, is_due, record_unfinished, say, summary
from tunegrid.sweep.options import Retry
from tunegrid.sweep.packing import PackPlan
from tunegrid.sweep.packs_first import packs_first
from tunegrid.sweep.stages import Chain
from tunegrid.sweep.supervise import forget_unstarted
from tunegrid.tracker import RunInfo
from tunegrid.tracker.mirrored import has_reached
from tunegrid.tracker.process import MirrorProcess

if TYPE_CHECKING:
    from tunegrid.run import Run

WAIT_S = 1.0
"""Between two looks at packs that another process is running."""


def sweep(loader: ConfigLoader, master: DictConfig, launcher: Launcher, arguments: Sequence[str]) -> None:
    """Run a whole grid, or the grids of a chain one after another.

    Raises `CellsFailed` if a cell is not done at the end, `UserError` before anything has run.
    """
    chain, ran = Chain(loader, master, arguments), False
    for name in chain.names:
        grid = chain.grid(name)
        ran |= run_grid(grid, master, launcher, name)
        if name != chain.names[-1] and not chain.is_done(name):
            raise CellsFailed(f"{not_done(grid)}; the chain ends at stage {name}")
    try:
        print_table(chain.run, chain.shown())
    except DiskFullError as error:
        if chain.is_done(chain.names[-1]):
            raise
        say(str(error))
    if ran:
        mirror_table(chain.run, chain.shown())
    if not chain.is_done(chain.names[-1]):
        raise CellsFailed(not_done(grid))


def run_grid(grid: Grid, master: DictConfig, launcher: Launcher, stage: str | None) -> bool:
    """Run what of a grid is due; says whether there was anything."""
    check_data(grid)
    due = [point for point in grid.points if is_due(point.cell)]
    packs = fitting_packs(due, master.hydra.launcher)
    begin = "" if stage is None else f"stage {stage}: "
    say(f"{begin}{counted(len(grid.points), 'cell')}, {_skipped(grid, due)}; {counted(len(packs), 'pack')} to run")
    if packs:
        launch(launcher, packs)
    return bool(packs)


def not_done(grid: Grid) -> str:
    """A line for each cell of the grid that is not done, and how many that are."""
    failed = [cell for cell in grid.cells if cell.status() is not Status.DONE]
    return f"{summary(failed)}\n{len(failed)} of {counted(len(grid.points), 'cell')} not done"


def _skipped(grid: Grid, due: Sequence[GridPoint]) -> str:
    """The cells that this sweep leaves alone, in words."""
    taken = {point.cell.id for point in due}
    left = [cell for cell in grid.cells if cell.id not in taken]
    failed = [cell for cell in left if cell.status() in RETRIED[Retry.all]]
    finished = f"{len(left) - len(failed)} finished"
    return f"{finished}, {len(failed)} failed earlier (sweep.retry=all runs them again)" if failed else finished


def check_data(grid: Grid) -> None:
    """Read every data set of the grid once, so that a broken file is refused before anything runs."""
    seen: list[Any] = []
    for cell in grid.cells:
        asked = (cell.config["data"], cell.config["sampler"])
        if asked not in seen:
            seen.append(asked)
            cell.run.sampler.check(check(cell.run.data).test)


def launch(launcher: Launcher, packs: Sequence[PackPlan]) -> None:
    """Run the packs: those first that no other process is running, then what the others have left undone."""
    left = list(packs)
    while left:
        free = once_free(left)
        left = [pack for pack in left if pack not in free]
        due = [pack for pack in free if any(map(is_due, pack.cells))]
        if due:
            left += run_round(launcher, due)


def once_free(packs: Sequence[PackPlan]) -> list[PackPlan]:
    """Those of the packs that no other process is running; waits until there is one."""
    free = _free(packs)
    if len(free) < len(packs):
        way_on = "others go first" if free else "waiting"
        say(f"{counted(len(packs) - len(free), 'pack')} running in another process; {way_on}")
    while not free:
        time.sleep(WAIT_S)
        free = _free(packs)
    return free


def _free(packs: Sequence[PackPlan]) -> list[PackPlan]:
    return [pack for pack in packs if not any(is_locked(cell.folder) for cell in pack.cells)]


def run_round(launcher: Launcher, packs: Sequence[PackPlan]) -> list[PackPlan]:
    """Give one job per pack to the launcher; returns the packs that another process turned out to be running.

    Where the launcher loses a job, the cells get a result that says so.
    """
    started = now()
    cells = [cell for pack in packs for cell in pack.cells]
    for cell in cells:
        offer(cell)
    try:
        with packs_first():
            returns = launcher.launch([pack.overrides for pack in packs], initial_job_idx=0)
    except Interrupted:
        forget_unstarted(cells)
        raise
    except Exception as error:  # the launcher's own: a worker of its pool was killed, its server is gone
        forget_unstarted(cells)
        begun = [cell for cell in cells if cell.folder.exists()]
        if not begun:
            raise UserError(f"the launcher could not start: {error}") from error
        _record(begun, started, error)
        return []
    busy = []
    for pack, job in zip(packs, returns, strict=True):
        outcome = job._return_value  # the property would raise
        if isinstance(outcome, UserError):
            forget_unstarted(pack.cells)
            raise outcome
        if isinstance(outcome, CellsBusy):
            forget_unstarted(pack.cells)
            busy.append(pack)
        elif isinstance(outcome, Exception):
            _record(pack.cells, started, outcome)
    return busy


def _record(cells: Sequence[Cell], started: str, error: Exception) -> None:
    """Leave a result in those of the cells that no supervisor took care of."""
    failure = Failure(kind=type(error).__name__, message=str(error))
    with lock(cells, wait=False) as held:
        recorded = record_unfinished(held, started, Status.FAILED, failure)
    if recorded:
        say(summary(recorded))


def print_table(run: "Run", cells: Sequence[Cell]) -> None:
    """Print the sweep's table and write it under `<output_root>/<name>/`."""
    from tunegrid.table import report

    report(run.name, cells, run.table, Path(run.output_root))


def mirror_table(run: "Run", cells: Sequence[Cell]) -> None:
    """Give the table's files to the tracker, as a run of their own in the sweep's group, if its cells got through."""
    if any(has_reached(cell.folder, run.tracker.destination) for cell in cells):
        mirror = MirrorProcess(run.tracker, [RunInfo.of_table(run)])
        mirror.start()
        mirror.close()
