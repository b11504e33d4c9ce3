"""A sweep: check every cell, leave out what is done, pack the rest, launch the packs, print the table."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from tunegrid.atomic import DiskFullError
from tunegrid.cell.cell import Cell, is_locked, lock
from tunegrid.cell.provenance import now
from tunegrid.cell.result import Failure, Status
from tunegrid.cell.start import offer
from tunegrid.errors import UserError
from tunegrid.interrupt import Interrupted
from tunegrid.sweep.check_run import check_run
from tunegrid.sweep.forecast import fitting_packs
from tunegrid.sweep.grid import Grid, GridPoint, compose_grid
from tunegrid.sweep.job import RETRIED, CellsBusy, CellsFailed, counted, is_due, record_unfinished, say, summary
from tunegrid.sweep.options import Retry
from tunegrid.sweep.packing import PackPlan
from tunegrid.sweep.packs_first import packs_first
from tunegrid.sweep.supervise import forget_unstarted
from tunegrid.tracker import RunInfo
from tunegrid.tracker.mirrored import has_reached
from tunegrid.tracker.process import MirrorProcess

WAIT_S = 1.0
"""Between two looks at packs that another process is running."""


def sweep(loader: ConfigLoader, master: DictConfig, launcher: Launcher, arguments: Sequence[str]) -> None:
    """Run a whole grid. Raises `CellsFailed` if a cell is not done at the end, `UserError` before anything has run."""
    grid = compose_grid(loader, master, arguments)
    check_data(grid)
    due = [point for point in grid.points if is_due(point.cell)]
    packs = fitting_packs(due, master.hydra.launcher)
    say(f"{counted(len(grid.points), 'cell')}, {_skipped(grid, due)}; {counted(len(packs), 'pack')} to run")
    if packs:
        launch(launcher, packs)
    failed = [cell for cell in grid.cells if cell.status() is not Status.DONE]
    try:
        print_table(grid)
    except DiskFullError as error:
        if not failed:
            raise
        say(str(error))
    if packs:
        mirror_table(grid)
    if failed:
        raise CellsFailed(f"{summary(failed)}\n{len(failed)} of {counted(len(grid.points), 'cell')} not done")


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
        asked = (cell.config["data"], cell.config["sampler"], cell.config["metrics"])
        if asked not in seen:
            seen.append(asked)
            check_run(cell.run)


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


def print_table(grid: Grid) -> None:
    """Print the grid's table and write it under `<output_root>/<name>/`."""
    from tunegrid.table import report

    report(grid.run.name, grid.cells, grid.run.table, Path(grid.run.output_root))


def mirror_table(grid: Grid) -> None:
    """Give the table's files to the tracker, as a run of their own in the sweep's group, if its cells got through."""
    tracker = grid.run.tracker
    if any(has_reached(cell.folder, tracker.destination) for cell in grid.cells):
        mirror = MirrorProcess(tracker, [RunInfo.of_table(grid.run)])
        mirror.start()
        mirror.close()
