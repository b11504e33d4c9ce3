"""What one process does: run the cells it was given, each once, whatever happens to the others."""

import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig

from tunegrid.atomic import DiskFullError
from tunegrid.cell.cell import Cell, lock
from tunegrid.cell.provenance import commit, now, versions
from tunegrid.cell.result import Cost, Failure, Result, Status
from tunegrid.cell.start import begin
from tunegrid.errors import DataError, UserError
from tunegrid.interrupt import Interrupted
from tunegrid.known_names import resolve_run
from tunegrid.sweep.check_run import check_run
from tunegrid.sweep.memory import described, free, out_of_memory, with_less
from tunegrid.sweep.options import Retry
from tunegrid.sweep.relay import KEPT_LINES

if TYPE_CHECKING:
    from tunegrid.run import Run

RETRIED: dict[Retry, tuple[Status, ...]] = {
    Retry.none: (),
    Retry.failed: (Status.FAILED,),
    Retry.oom: (Status.OOM,),
    Retry.all: (Status.FAILED, Status.OOM),
}


class CellsFailed(CompactHydraException):
    """Some cells are not done; the exit code is 1. What happened is in their result.json."""


class CellsBusy(CompactHydraException):
    """Another process is running some of a pack's cells; the exit code is `sweep.child.BUSY`."""


def attempt_job(config: DictConfig) -> Exception | None:
    """Hydra's task function. A failure is returned, because Hydra would add lines to a raised one.

    A sweep's launcher that is not ours calls it in a process of its own choice: there it supervises the pack's process.
    """
    hydra = HydraConfig.get()
    if hydra.mode is RunMode.MULTIRUN:
        from tunegrid.sweep.supervise import supervise_here

        return supervise_here(config)
    try:
        run_job(config)
    except Exception as error:
        return error
    return None


def run_job(config: DictConfig) -> None:
    """Run the cells named in `sweep.cells`, or the one cell of this config.

    Raises `CellsFailed` if a cell did not get done, `UserError` for a mistake in config or data, and `CellsBusy` where
    another process has cells of the pack: the sweep waits for them, which takes no memory.
    """
    run: Run = resolve_run(config)
    if run.sweep.cells:
        cells = [Cell.load(identifier, run) for identifier in run.sweep.cells]
        if run_free(cells):
            raise CellsBusy
    else:
        run.sweep.retry = Retry.all  # who asks for one cell wants it run
        cells = [Cell.of(run)]
        check_run(run)  # a broken data file is refused here, before torch is imported
        run_cells(cells)
    failed = [cell for cell in cells if cell.status() is not Status.DONE]
    if failed:
        raise CellsFailed(summary(failed))


def run_cells(cells: Sequence[Cell]) -> None:
    """Run the cells; wait for those that another process is running."""
    elsewhere = run_free(cells)
    if elsewhere:
        say(f"waiting for {counted(len(elsewhere), 'cell')} that another process is running")
        with lock(elsewhere, wait=True) as held:
            run_locked([cell for cell in held if not has_ended(cell)])


def run_free(cells: Sequence[Cell]) -> list[Cell]:
    """Run those of the cells that no other process is running; returns the rest."""
    with lock(cells, wait=False) as held:
        run_locked(held)
    return [cell for cell in cells if cell not in held]


def run_locked(cells: Sequence[Cell]) -> None:
    """Run cells whose locks are held, and leave a result in each that was started."""
    todo = [cell for cell in cells if is_due(cell)]
    for cell in cells:
        if cell not in todo:
            say(f"{cell.title} is {cell.status().value} ({cell.folder}); {_way_on(cell.status())}")
    if not todo:
        return
    started = now()
    try:
        for cell in todo:
            if cell.run.force:
                cell.clear()
            begin(cell)
        _run_pack(todo, started)
    except UserError:
        for cell in todo:
            cell.discard_unstarted()
        raise
    except DiskFullError as error:
        record_unfinished(todo, started, *_failure(error))
    except Interrupted as stop:
        failure = Failure(kind=str(stop), message="stopped by a signal", exit_status=stop.exit_code)
        record_unfinished(todo, started, Status.INTERRUPTED, failure)
        raise


def _run_pack(cells: Sequence[Cell], started: str, shortage: str = "") -> None:
    """Run the cells as one pack; out of memory, in ways that take less. Records what fails.

    `shortage` says in words where memory has run out so far.
    """
    from tunegrid.run import run_pack

    try:
        run_pack(cells, {"memory": shortage} if shortage else {})
        return
    except UserError:
        raise
    except Exception as error:
        smaller = with_less(cells) if out_of_memory(error) else []
        if not smaller:
            if not isinstance(error, DiskFullError):  # of which the summary says all there is to say
                traceback.print_exc()
            record_unfinished(cells, started, *_failure(error))
            return
    free()
    shortage = f"{shortage}{'; ' if shortage else ''}ran out {described(cells)}"
    say(f"{', '.join(cell.title for cell in cells)}: {shortage}; trying with less")
    for part in smaller:
        _run_pack(part, started, shortage)


def _failure(error: Exception) -> tuple[Status, Failure]:
    status = Status.OOM if out_of_memory(error) else Status.FAILED
    log = "".join(traceback.format_exception(error)).splitlines()[-KEPT_LINES:]
    return status, Failure(kind=type(error).__name__, message=str(error), log=log)


def is_due(cell: Cell) -> bool:
    """Whether a run has to take this cell on; one that seems to have ended is read to its last byte."""
    return seems_due(cell) or cell.verify() is Status.DAMAGED


def seems_due(cell: Cell) -> bool:
    """Whether the cell is forced, has not ended, is to be tried again, or is damaged as far as sizes show that."""
    return cell.run.force or not has_ended(cell) or cell.status() in RETRIED[cell.run.sweep.retry]


def has_ended(cell: Cell) -> bool:
    """Whether the cell has a result that only a retry would change. What was interrupted goes on unasked."""
    status = cell.status()
    return status.final or status in RETRIED[Retry.all]


def record_unfinished(
    cells: Sequence[Cell], started: str, status: Status, failure: Failure, overrule: bool = False
) -> list[Cell]:
    """Write a result for those of the cells that have none since `started`; returns them.

    `overrule`: also where the cell has recorded that it was interrupted, because we have interrupted it. One whose
    disk is full goes without; that is said.
    """
    recorded = []
    for cell in cells:
        earlier = _readable(cell)
        kept = earlier is not None and (earlier.status.final or earlier.finished >= started)
        if not kept or (overrule and earlier is not None and earlier.status is Status.INTERRUPTED):
            try:
                cell.write_result(without_scores(cell, started, status, failure))
            except DiskFullError as error:
                say(str(error))
            else:
                recorded.append(cell)
    return recorded


def _readable(cell: Cell) -> Result | None:
    """The cell's result; None also where another version wrote it, which force=true was to replace."""
    try:
        return cell.result()
    except DataError:
        return None


def without_scores(cell: Cell, started: str, status: Status, failure: Failure) -> Result:
    """The result of a cell that did not get done."""
    return Result(
        id=cell.id,
        status=status,
        config=cell.config,
        scores={},
        unavailable={},
        cost=Cost(),
        protocol={},
        versions=versions(),
        commit=commit(),
        seeds={"run": cell.config["seed"]},
        started=started,
        finished=now(),
        error=failure,
    )


def summary(failed: Sequence[Cell]) -> str:
    """One line for each cell that is not done."""
    lines = []
    for cell in failed:
        result = cell.result()
        reason = f"{result.error.kind}: {result.error.message}" if result and result.error else "no result was written"
        lines.append(f"{cell.status().value}: {cell.title} ({cell.folder}): {reason.splitlines()[0]}")
    return "\n".join(lines)


def say(line: str) -> None:
    """Tell the user, on stderr: stdout is for tables."""
    print(line, file=sys.stderr, flush=True)


def counted(number: int, noun: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _way_on(status: Status) -> str:
    retries = [mode.value for mode, statuses in RETRIED.items() if status in statuses]
    return f"sweep.retry={retries[0]} runs it again" if retries else "force=true runs it again"
