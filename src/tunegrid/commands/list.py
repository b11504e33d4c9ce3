"""`tunegrid list [GROUP]`: the options of every config group, or of one."""

import sys
from collections.abc import Sequence
from importlib.resources import files

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tunegrid.config import GROUPS, options
from tunegrid.errors import ConfigError, unknown

USAGE = "usage: tunegrid list [GROUP]\n\nShow the config groups with their options; GROUP: "


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    groups = (*GROUPS, "experiments")
    if any(argument in ("-h", "--help") for argument in arguments):
        print(USAGE + ", ".join(groups))
        return 0
    if len(arguments) > 1:
        raise ConfigError(f"tunegrid list takes one group, got {' '.join(arguments)}; name one of {', '.join(groups)}")
    if arguments and arguments[0] not in groups:
        raise ConfigError(unknown("group", arguments[0], groups))
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for group in arguments or groups:
        for option in options(group):
            table.add_row(Text(f"{group}={option}"), Text(description(group, option)))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160).print(table)
    return 0


def description(group: str, option: str) -> str:
    """The option's first comment line; empty where its YAML does not begin with one."""
    text = files("tunegrid.conf").joinpath(group, f"{option}.yaml").read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    comments = (line.removeprefix("#").strip() for line in lines if line.startswith("#") and "@package" not in line)
    return next(comments, "")
