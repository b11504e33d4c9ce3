"""A pack in a process of its own: `python -m tunegrid OVERRIDES hydra.mode=RUN`."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from omegaconf import DictConfig

from tunegrid.interrupt import PARENT, Interrupted

GRACE_S = 120.0
"""How long a child may take to save what it has after a signal."""


class ChildError(Exception):
    """A child process did not end well; `exit_code` is as `subprocess` gives it: -9 for SIGKILL."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(describe(exit_code))
        self.exit_code = exit_code


def describe(exit_code: int) -> str:
    """How a process ended, in words."""
    if exit_code >= 0:
        return f"the process exited with {exit_code}"
    name = signal.Signals(-exit_code).name
    hint = "; the system kills what takes too much memory" if name == "SIGKILL" else ""
    return f"the process was killed by {name}{hint}"


def command_line(config: DictConfig, overrides: Sequence[str]) -> list[str]:
    """The command that runs one job of the sweep with master config `config`."""
    kept = [str(override) for override in config.hydra.overrides.hydra if not _bare(override).startswith("hydra.mode=")]
    return [sys.executable, "-m", "tunegrid", *_flags(config), *kept, *overrides, "hydra.mode=RUN"]


def run_child(command: Sequence[str]) -> None:
    """Run one job and wait for it. Raises `ChildError`, or `Interrupted` once the child has stopped too.

    The child has its own process group: a Ctrl-C in the terminal comes to us alone and is handed on exactly once.
    """
    environment = {**os.environ, PARENT: str(os.getpid())}
    if os.environ.get("TUNEGRID_TRACEBACK") != "1":
        environment.pop("HYDRA_FULL_ERROR", None)  # set by our own main(), not by the user
    child = subprocess.Popen(command, env=environment, process_group=0)
    try:
        exit_code = child.wait()
    except Interrupted as stop:
        _stop(child, stop.number)
        raise
    except BaseException:
        child.kill()
        raise
    if exit_code:
        raise ChildError(exit_code)


def _stop(child: "subprocess.Popen[bytes]", number: int) -> None:
    """Hand a signal on and wait; another signal to us is handed on too, and the third kills."""
    for _ in range(2):
        child.send_signal(number)
        try:
            child.wait(GRACE_S)
            return
        except Interrupted as again:
            number = again.number
        except subprocess.TimeoutExpired:
            break
    child.kill()
    child.wait()


def _flags(config: DictConfig) -> list[str]:
    """Hydra's flags that decide where configs come from, as the sweep was given them."""
    sources = config.hydra.runtime.config_sources
    flags = [f"--config-name={config.hydra.job.config_name}"]
    for source in sources:
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
