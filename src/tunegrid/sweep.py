"""A sweep: check every cell, leave out what is done, pack the rest, launch the packs, print the table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from tunegrid.cell import lock
from tunegrid.child import ChildError, command_line, run_child
from tunegrid.data.check import check
from tunegrid.errors import UserError
from tunegrid.grid import Grid, compose_grid
from tunegrid.interrupt import Interrupted
from tunegrid.job import CellsFailed, counted, is_due, record_unfinished, say, summary
from tunegrid.packing import PackPlan, plan_packs
from tunegrid.provenance import now
from tunegrid.result import Failure, Status
from tunegrid.tracker import RunInfo

if TYPE_CHECKING:
    from tunegrid.run import Run


class ReportedError(UserError):
    """A child process found a mistake of the user's and has already said so."""


def sweep(loader: ConfigLoader, master: DictConfig, launcher: Launcher, arguments: Sequence[str]) -> None:
    """Run a whole grid. Raises `CellsFailed` if a cell is not done at the end, `UserError` before anything has run."""
    grid = compose_grid(loader, master, arguments)
    check_data(grid)
    due = [point for point in grid.points if is_due(point.cell)]
    packs = plan_packs(due)
    finished = len(grid.points) - len(due)
    say(f"{counted(len(grid.points), 'cell')}, {finished} finished; {counted(len(packs), 'pack')} to run")
    if packs:
        launch(launcher, packs)
    print_table(grid)
    if packs:
        mirror_table(grid.run)
    failed = [cell for cell in grid.cells if cell.status() is not Status.DONE]
    if failed:
        raise CellsFailed(f"{summary(failed)}\n{len(failed)} of {counted(len(grid.points), 'cell')} not done")


def check_data(grid: Grid) -> None:
    """Read every data set of the grid once, so that a broken file is refused before anything runs."""
    seen: list[Any] = []
    for cell in grid.cells:
        if cell.config["data"] not in seen:
            seen.append(cell.config["data"])
            check(cell.run.data)


def launch(launcher: Launcher, packs: Sequence[PackPlan]) -> None:
    """Give one job per pack to the launcher; a cell that its job left without a result gets one that says why."""
    started = now()
    for pack in packs:
        for cell in pack.cells:
            cell.write_config()
    try:
        returns = launcher.launch([pack.overrides for pack in packs], initial_job_idx=0)
    except Interrupted:
        _forget_unstarted(packs)
        raise
    mistakes = [_settle(pack, job, started) for pack, job in zip(packs, returns, strict=True)]
    for mistake in mistakes:
        if mistake is not None:
            raise mistake


def _settle(pack: PackPlan, job: JobReturn, started: str) -> UserError | None:
    """Record what a job left open. Returns the user's mistake that ended it, if it was one."""
    error = (
        job._return_value
    )  # a failure is returned; of a job that failed before our code, the property would raise it
    if not isinstance(error, Exception):
        return None
    if isinstance(error, UserError):
        for cell in pack.cells:
            cell.discard_unstarted()
        return error
    with lock(pack.cells, wait=False) as held:
        record_unfinished(held, started, Status.FAILED, Failure(kind=type(error).__name__, message=str(error)))
    return None


def _forget_unstarted(packs: Sequence[PackPlan]) -> None:
    for pack in packs:
        for cell in pack.cells:
            cell.discard_unstarted()


def launch_processes(master: DictConfig, jobs: Sequence[Sequence[str]]) -> list[JobReturn]:
    """Run each job in a child process, one after the other; a child that dies costs only its own cells."""
    return [_attempt(master, job) for job in jobs]


def _attempt(master: DictConfig, overrides: Sequence[str]) -> JobReturn:
    job = JobReturn(overrides=overrides, status=JobStatus.COMPLETED)
    try:
        run_child(command_line(master, overrides))
    except ChildError as error:
        job.return_value = ReportedError() if error.exit_code == 2 else error
    return job


def print_table(grid: Grid) -> None:
    """Print the grid's table and write it under `<output_root>/<name>/`."""
    from tunegrid.table import report

    report(grid.run.name, grid.cells, grid.run.table, Path(grid.run.output_root))


def mirror_table(run: "Run") -> None:
    """Give the table's files to the tracker, as a run of their own in the sweep's group."""
    folder = Path(run.output_root) / run.name
    tables = sorted(folder.glob("table.*"))
    if tables:
        info = RunInfo(id="table", name="table", group=run.name, config={"experiment": run.name}, folder=folder)
        run.tracker.open(info).finish({}, tables, 0)
