"""What one process does: run the cells it was given, each once, whatever happens to the others."""

import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra.errors import CompactHydraException
from omegaconf import DictConfig

from tunegrid.cell import Cell, lock
from tunegrid.data.check import check
from tunegrid.errors import UserError
from tunegrid.interrupt import Interrupted
from tunegrid.known_names import resolve_run
from tunegrid.provenance import commit, now, versions
from tunegrid.result import Cost, Failure, Result, Status

if TYPE_CHECKING:
    from tunegrid.run import Run


class CellsFailed(CompactHydraException):
    """Some cells are not done; the exit code is 1. What happened is in their result.json."""


def attempt_job(config: DictConfig) -> Exception | None:
    """`run_job` as Hydra's task function: a failure is returned, because Hydra would add lines to a raised one."""
    try:
        run_job(config)
    except Exception as error:
        return error
    return None


def run_job(config: DictConfig) -> None:
    """Run the cells named in `sweep.cells`, or the one cell of this config.

    Raises `CellsFailed` if a cell did not get done, `UserError` for a mistake in config or data.
    """
    run: Run = resolve_run(config)
    if run.sweep.cells:
        cells = [Cell.load(identifier, run) for identifier in run.sweep.cells]
    else:
        cells = [Cell.of(run)]
        check(run.data)  # a broken data file is refused here, before torch is imported
    run_cells(cells)
    failed = [cell for cell in cells if cell.status() is not Status.DONE]
    if failed:
        raise CellsFailed(summary(failed))


def run_cells(cells: Sequence[Cell]) -> None:
    """Run those cells that have not ended for good; wait for those that another process is running."""
    with lock(cells, wait=False) as held:
        run_locked(held)
    elsewhere = [cell for cell in cells if cell not in held]
    if elsewhere:
        say(f"waiting for {counted(len(elsewhere), 'cell')} that another process is running")
        with lock(elsewhere, wait=True) as held:
            run_locked([cell for cell in held if not cell.status().final])


def run_locked(cells: Sequence[Cell]) -> None:
    """Run cells whose locks are held, and leave a result in each that was started."""
    todo = [cell for cell in cells if is_due(cell)]
    for cell in cells:
        if cell not in todo:
            say(f"{cell.title} is {cell.status().value} ({cell.folder}); force=true runs it again")
    if not todo:
        return
    started = now()
    for cell in todo:
        if cell.run.force or cell.status() in (Status.FAILED, Status.OOM):
            cell.clear()
        cell.write_config()
    try:
        _run_pack(todo)
    except UserError:
        for cell in todo:
            cell.discard_unstarted()
        raise
    except Interrupted as stop:
        record_unfinished(todo, started, Status.INTERRUPTED, Failure(kind=str(stop), message="stopped by a signal"))
        raise
    except Exception as error:
        traceback.print_exc()
        failure = Failure(kind=type(error).__name__, message=str(error))
        record_unfinished(todo, started, _status_of(error), failure)


def is_due(cell: Cell) -> bool:
    """Whether a sweep has to run this cell: it has not ended, or it may end otherwise, or it is forced."""
    return cell.run.force or not cell.status().final


def record_unfinished(cells: Sequence[Cell], started: str, status: Status, failure: Failure) -> None:
    """Write a result for those of the cells that have none since `started`."""
    for cell in cells:
        earlier = cell.result()
        if earlier is None or earlier.finished < started:
            cell.write_result(without_scores(cell, started, status, failure))


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


def _status_of(error: Exception) -> Status:
    """Out of memory is told by its name: asking torch would import it."""
    return Status.OOM if type(error).__name__ in ("OutOfMemoryError", "MemoryError") else Status.FAILED


def _run_pack(cells: list[Cell]) -> None:
    from tunegrid.run import run_pack

    run_pack(cells)
