"""Supervisors: each starts a pack's process, waits for it, and sees that every one of its cells has a result.

Every launcher runs them, so that a pack's death costs the same under each: `process` runs all of a sweep's in the
sweep's own process, the others one in each of their jobs. Nothing here imports torch.
"""

import os
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from tunegrid.cell.cell import Cell, is_locked, lock, status_in
from tunegrid.cell.provenance import now
from tunegrid.cell.result import Failure, Status
from tunegrid.errors import DataError, UserError
from tunegrid.interrupt import Interrupted
from tunegrid.known_names import resolve_run
from tunegrid.sweep import oom_killer
from tunegrid.sweep.child import BUSY, GRACE_S, POLL_S, Child, Ending, command_line, kill, stop
from tunegrid.sweep.job import CellsBusy, is_due, record_unfinished, say, summary
from tunegrid.sweep.packs_first import packs_first
from tunegrid.sweep.slots import Slot

Outcome = UserError | CellsBusy | None
"""Of a job: the user's mistake that ended it, or that another process is running some of its cells."""


class ReportedError(UserError):
    """A pack's process found a mistake of the user's and has said so, on the stderr that its supervisor had."""

    def __init__(self, message: str, stderr: tuple[int, int]):
        super().__init__(message, stderr)  # both: it may come to us through a pickle
        self.message, self.stderr = message, stderr

    def __str__(self) -> str:
        return self.message

    @property
    def is_here(self) -> bool:
        """Whether it was our own stderr, not a job's log."""
        return self.stderr == _stderr()


def _stderr() -> tuple[int, int]:
    """What tells a file, a pipe or a terminal from others: device and inode."""
    found = os.fstat(sys.stderr.fileno())
    return found.st_dev, found.st_ino


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A pack, as a launcher sees it."""

    command: Sequence[str]
    folders: Sequence[Path]
    """Of its cells."""
    limit_s: float | None
    """It is stopped after so many seconds."""
    config: Callable[[], DictConfig]
    """Composes its config, without Hydra's own part."""

    def cells(self) -> list[Cell]:
        """The pack's cells. Composing takes 0.1 s: for those who have something to record."""
        run = resolve_run(self.config())
        return [Cell.load(folder.name, run) for folder in self.folders]


def job_of(hydra: HydraConf, config: DictConfig, overrides: Sequence[str], compose: Callable[[], DictConfig]) -> Job:
    """The job with these overrides. `config` has what holds for the whole sweep; `compose` gives the job's own."""
    return Job(
        command=command_line(hydra, overrides),
        folders=_cell_folders(overrides, config.output_root),
        limit_s=config.sweep.time_limit_s,
        config=compose,
    )


def supervise_here(config: DictConfig) -> Outcome:
    """Supervise one job of a sweep whose launcher is not ours."""
    hydra = HydraConfig.get()
    with packs_first():
        return Supervisor([job_of(hydra, config, hydra.overrides.task, lambda: config)], [Slot()]).run()[0]


class Supervisor:
    """Runs jobs, as many at a time as there are slots, and those first that no other process is running.

    It waits for none that another process is running: the sweep does, which holds no place in a cluster's queue.
    """

    def __init__(self, jobs: Sequence[Job], slots: Sequence[Slot]):
        self.slots = slots
        self.waiting = deque(enumerate(jobs))
        self.running: dict[int, _Running] = {}
        """By the slot's place."""
        self.postponed: set[int] = set()
        self.outcomes: list[Outcome] = [None] * len(jobs)

    def run(self) -> list[Outcome]:
        """Run every job to its end that no other process is running."""
        try:
            self._start()
            while self.running:
                self._collect()
                self._start()
                time.sleep(POLL_S)
        except Interrupted as order:
            stop(self._children(), order.number)
            raise
        except BaseException:
            kill(self._children())
            raise
        for index, _ in self.waiting:
            self.outcomes[index] = CellsBusy()
        return self.outcomes

    def _children(self) -> list[Child]:
        return [running.child for running in self.running.values()]

    def _start(self) -> None:
        for place, slot in enumerate(self.slots):
            if place in self.running:
                continue
            found = self._next()
            if found is None:
                return
            index, job = found
            child = Child(job.command, f"{index + 1}| " if len(self.slots) > 1 else "", slot.environment)
            slot.take(child.process.pid)
            self.running[place] = _Running(index, job, child, now(), oom_killer.kills())

    def _next(self) -> tuple[int, Job] | None:
        """The first waiting job that nobody else is running; one that somebody was, and finished, is dropped."""
        for index, job in list(self.waiting):
            if any(is_locked(folder) for folder in job.folders):
                self.postponed.add(index)
                continue
            self.waiting.remove((index, job))
            if index not in self.postponed or any(is_due(cell) for cell in job.cells()):
                return index, job
        return None

    def _collect(self) -> None:
        for place, running in list(self.running.items()):
            if running.child.running():
                running.mind_limit()
            else:
                del self.running[place]
                ending = running.end()
                if ending.exit_code == BUSY:
                    self.postponed.add(running.index)
                    self.waiting.append((running.index, running.job))
                else:
                    self.outcomes[running.index] = running.settle(ending)


class _Running:
    """One pack's process, and what to do when it has ended."""

    def __init__(self, index: int, job: Job, child: Child, started: str, kills: int):
        self.index, self.job, self.child, self.started, self.kills = index, job, child, started, kills
        self.told: float | None = None
        """When it was told to stop for running too long."""

    def mind_limit(self) -> None:
        """Stop a process that runs into its time limit: first so that it saves, then at once."""
        limit = self.job.limit_s
        if limit is None or self.child.seconds() < limit:
            return
        if self.told is None:
            self.told = time.monotonic()
            self.child.process.send_signal(signal.SIGTERM)
        elif time.monotonic() - self.told > GRACE_S:
            self.child.process.kill()

    def end(self) -> Ending:
        """How the process, which has ended, did so."""
        return self.child.end(None if self.told is None else self.job.limit_s)

    def settle(self, ending: Ending) -> UserError | None:
        """Leave a result in every cell that has none. Returns the user's mistake that ended the process."""
        if ending.exit_code == 0 and all(map(_is_done, self.job.folders)):
            return None
        if ending.exit_code == 2:
            return ReportedError(ending.log[-1].removeprefix("error: ") if ending.log else str(ending), _stderr())
        status = _status_of(ending, killed=oom_killer.kills() > self.kills)
        failure = Failure(kind=ending.kind, message=str(ending), exit_status=ending.exit_code, log=ending.log)
        with lock(self.job.cells(), wait=False) as held:
            recorded = record_unfinished(held, self.started, status, failure, overrule=self.told is not None)
        if recorded:
            say(summary(recorded))
        return None


def _is_done(folder: Path) -> bool:
    try:
        return status_in(folder) is Status.DONE
    except DataError:  # of another version, which force=true was to replace
        return False


def _status_of(ending: Ending, killed: bool) -> Status:
    if ending.kind == "SIGKILL" and killed:
        return Status.OOM
    if ending.limit_s is None and (ending.exit_code in (130, 143) or ending.kind in ("SIGINT", "SIGTERM")):
        return Status.INTERRUPTED
    return Status.FAILED


def forget_unstarted(cells: Sequence[Cell]) -> None:
    """Remove the folders of those cells in which nothing was run."""
    with lock(cells, wait=False) as held:
        for cell in held:
            cell.discard_unstarted()


def _cell_folders(overrides: Sequence[str], output_root: str) -> list[Path]:
    """The folders of the cells that a pack's overrides name."""
    named = next(override for override in reversed(overrides) if override.startswith("sweep.cells="))
    return [Path(output_root) / "cells" / identifier for identifier in re.findall(r"[0-9a-f]{16}", named)]
