"""A pack in a process of its own: `python -m tunegrid OVERRIDES hydra.mode=RUN`."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hydra.conf import HydraConf

from tunegrid.interrupt import PARENT, Interrupted
from tunegrid.sweep.relay import Relay

GRACE_S = 120.0
"""How long a child may take to save what it has after a signal."""

POLL_S = 0.05

BUSY = 75
"""Exit code of a pack some of whose cells another process is running: sysexits' "try again later"."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended."""

    exit_code: int
    """As `subprocess` gives it: -9 for SIGKILL."""
    log: Sequence[str]
    """The last lines of its stderr."""
    limit_s: float | None
    """The time limit that it ran into, in seconds."""

    @property
    def kind(self) -> str:
        """In a word: `SIGKILL`, `exit 3`, `time limit`."""
        if self.limit_s is not None:
            return "time limit"
        return f"exit {self.exit_code}" if self.exit_code >= 0 else signal.Signals(-self.exit_code).name

    def __str__(self) -> str:
        """In a sentence."""
        if self.limit_s is not None:
            return f"still running after sweep.time_limit_s={self.limit_s:g}"
        if self.exit_code >= 0:
            return f"the process exited with {self.exit_code} before the cell was done"
        hint = "; the system kills what takes too much memory" if self.kind == "SIGKILL" else ""
        return f"the process was killed by {self.kind}{hint}"


class Child:
    """A running pack. It has its own process group: a Ctrl-C comes to us alone, and is handed on once."""

    def __init__(self, command: Sequence[str], prefix: str = "", environment: Mapping[str, str] | None = None):
        self.relay = Relay(prefix)
        self.process = subprocess.Popen(
            command, env={**_inherited(), **(environment or {})}, stderr=self.relay.writer, process_group=0
        )
        self.relay.start()
        self.started = time.monotonic()

    def running(self) -> bool:
        """Whether the process is still there."""
        return self.process.poll() is None

    def seconds(self) -> float:
        """Since its start."""
        return time.monotonic() - self.started

    def end(self, limit_s: float | None) -> Ending:
        """How the process, which has ended, did so. `limit_s`: it was stopped for taking longer."""
        return Ending(self.process.wait(), self.relay.finish(), limit_s)


def stop(children: Iterable[Child], number: int) -> None:
    """Hand a signal on and wait for the children to save; another signal to us is handed on too, the third kills."""
    alive = [child for child in children if child.running()]
    for _ in range(2):
        for child in alive:
            child.process.send_signal(number)
        try:
            _wait(alive, GRACE_S)
        except Interrupted as again:
            number = again.number
        else:
            break
    kill(alive)


def kill(children: Iterable[Child]) -> None:
    """End the children now, and reap them."""
    for child in children:
        child.process.kill()
        child.process.wait()


def _wait(children: Sequence[Child], seconds: float) -> None:
    end = time.monotonic() + seconds
    while any(child.running() for child in children) and time.monotonic() < end:
        time.sleep(POLL_S)


def command_line(hydra: HydraConf, overrides: Sequence[str]) -> list[str]:
    """The command that runs one job of the sweep whose Hydra config is given."""
    kept = [str(override) for override in hydra.overrides.hydra if not _bare(override).startswith("hydra.mode=")]
    return [sys.executable, "-m", "tunegrid", *_flags(hydra), *kept, *overrides, "hydra.mode=RUN"]


def _inherited() -> dict[str, str]:
    environment = {**os.environ, PARENT: str(os.getpid())}
    if os.environ.get("TUNEGRID_TRACEBACK") != "1":
        environment.pop("HYDRA_FULL_ERROR", None)  # set by our own main(), not by the user
    return environment


def _flags(hydra: HydraConf) -> list[str]:
    """Hydra's flags that decide where configs come from, as the sweep was given them."""
    flags = [f"--config-name={hydra.job.config_name}"]
    for source in hydra.runtime.config_sources:
        if source.provider == "main" and source.path != "tunegrid.conf":
            flags.append(
                f"--config-path={source.schema}://{source.path}"
                if source.schema == "pkg"
                else f"--config-path={source.path}"
            )
        if source.provider == "command-line":
            flags.append(f"--config-dir={source.path}")
    return flags


def _bare(override: str) -> str:
    return override.lstrip("+")
