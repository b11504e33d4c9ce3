"""The command line. The words in `COMMANDS` are ours; everything else is Hydra's."""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig

COMMANDS = (
    "list",
    "plan",
    "table",
    "score",
    "compare",
    "agreement",
    "perturb",
    "sync",
    "verify",
    "export",
    "generate",
    "feedback",
    "inspect",
    "data",
)


def main() -> int:
    """Run the command line and return the exit code: 0 done, 1 some cell failed, 2 the user's mistake, 130, 143."""
    from tunegrid.interrupt import Interrupted, follow_parent, install

    install()
    child = follow_parent()
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        return _reported(lambda: _command(word, sys.argv[2:]) if word in COMMANDS else _hydra())
    except Interrupted as stop:
        if not child:  # the sweep says it once
            print("interrupted; the same command goes on from here", file=sys.stderr)
        return stop.exit_code


def _command(word: str, arguments: list[str]) -> int:
    from importlib import import_module

    return import_module(f"tunegrid.commands.{word}").main(arguments) or 0


def _hydra() -> int:
    """Hydra's own command line, with its errors handed to us instead of printed."""
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from tunegrid.arguments import check_flags, overrides_of
    from tunegrid.sweep.grid import register
    from tunegrid.sweep.job import attempt_job

    flags = check_flags(sys.argv[1:])
    if flags.help:
        from tunegrid.help import help_text

        print(help_text(overrides_of(flags)))
        return 0
    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise; whether the user sees a traceback is decided below
    register()
    failures: list[Exception] = []

    def task(config: "DictConfig") -> Exception | None:
        failure = attempt_job(config)
        if failure is not None and HydraConfig.get().mode is RunMode.RUN:  # a sweep is told what its jobs return
            failures.append(failure)
        return failure

    try:
        hydra.main(config_path="pkg://tunegrid.conf", config_name="run", version_base="1.3")(task)()
    finally:
        del os.environ["HYDRA_FULL_ERROR"]
    if failures:
        raise failures[0]
    return 0


def _reported(action: Callable[[], int]) -> int:
    """Run `action`; print what went wrong as the reader needs it. `HYDRA_FULL_ERROR=1` asks for the traceback."""
    from tunegrid.mistakes import explain, is_mistake

    traceback_wanted = os.environ.get("HYDRA_FULL_ERROR") == "1"
    if traceback_wanted:
        os.environ["TUNEGRID_TRACEBACK"] = "1"
    try:
        return action()
    except BrokenPipeError:  # `tunegrid list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        from tunegrid.sweep.child import BUSY
        from tunegrid.sweep.job import CellsBusy, CellsFailed
        from tunegrid.sweep.supervise import ReportedError

        if isinstance(error, CellsBusy):
            return BUSY
        if isinstance(error, CellsFailed):
            print(error, file=sys.stderr)
            return 1
        if not is_mistake(error):
            raise
        if traceback_wanted:
            import traceback

            traceback.print_exc()
        if not (isinstance(error, ReportedError) and error.is_here):
            print(f"error: {explain(error)}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
