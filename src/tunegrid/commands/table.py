"""`tunegrid table EXPERIMENT [--format json|md|tex|csv|html] [overrides…]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tunegrid.errors import ConfigError, unknown

DESCRIPTION = """Print an experiment's table and write it under outputs/<name>/ as table.md, .csv, .tex, .png and .html.
With --format, print that form alone and write nothing. Overrides are those of the sweep: tunegrid experiments=…"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line like all others."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"tunegrid table: {message}; see tunegrid table --help")


def main(arguments: Sequence[str]) -> int:
    """Run the command; exit code 0, or 2 through `ConfigError`/`DataError` at the caller."""
    from tunegrid.table.output import FORMATS, load_cells, show, table_of

    parser = _Parser(prog="tunegrid table", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("experiment", nargs="?", help="the name of a file in experiments/, for example lora_rank")
    parser.add_argument("--format", choices=None, metavar="|".join(FORMATS), help="print this form on stdout")
    parser.add_argument("overrides", nargs="*", help="overrides of the sweep, for example output_root=elsewhere")
    given = parser.parse_intermixed_args(list(arguments))
    if given.experiment is None:
        raise ConfigError("tunegrid table: name an experiment, a file in experiments/: tunegrid table lora_rank")
    if given.format is not None and given.format not in FORMATS:
        raise ConfigError(f"--format: {unknown('format', given.format, FORMATS)}")

    from tunegrid.grid import grid_of

    cells = grid_of(given.experiment, given.overrides)
    run = cells[-1].run
    command = " ".join(["tunegrid", f"experiments={given.experiment}", *given.overrides])
    table = table_of(run.name, load_cells(cells), run.table, command)
    if given.format is None:
        show(table, run.table, Path(run.output_root))
    else:
        sys.stdout.write(FORMATS[given.format](table))
    return 0
