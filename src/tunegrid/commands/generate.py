"""`tunegrid generate CELL … (--prompt TEXT … | --file FILE) [--raw] [--to FILE] [overrides…]`."""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tunegrid.arguments import CommandParser
from tunegrid.atomic import write_atomically
from tunegrid.cell.cell import Cell
from tunegrid.cell.find import done_result, find_cell
from tunegrid.errors import ConfigError
from tunegrid.inference.questions import STDIN, Asked, asked_of_all, read_asked
from tunegrid.inference.shared_base import check_saved, check_shared

if TYPE_CHECKING:
    from rich.text import Text

DESCRIPTION = """Answer new prompts with finished cells, side by side on one base that is loaded once.
A prompt goes through its cell's template and chat rules, and is answered by its cell's sampler."""


def main(arguments: Sequence[str]) -> int:
    """Run the command and return 0. Raises `ConfigError` or `DataError` for the user's mistakes, before any model."""
    given = _parse(arguments)
    overrides = [word for word in given.cells if "=" in word]
    cells = [find_cell(word, overrides) for word in given.cells if "=" not in word]
    cells = list({cell.id: cell for cell in cells}.values())
    if not cells:
        raise ConfigError("tunegrid generate: name at least one cell; see tunegrid generate --help")
    for cell in cells:
        check_saved(cell, done_result(cell))
    check_shared(cells)
    asked = asked_of_all(given.prompt, cells) if given.prompt else read_asked(given.file, cells)
    found = _answers(cells, asked, given.raw)
    if given.to is None:
        _show(cells, asked, found)
    else:
        write_atomically(given.to, "".join(f"{line}\n" for line in _lines(cells, asked, found)))
    return 0


def _parse(arguments: Sequence[str]) -> Namespace:
    parser = CommandParser(prog="tunegrid generate", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument(
        "cells",
        nargs="+",
        metavar="CELL",
        help="an id, the beginning of it, or a folder; overrides of the run too, for example output_root=elsewhere",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--prompt", action="append", metavar="TEXT", help="for every cell; may be given again")
    source.add_argument(
        "--file", metavar="FILE", help=f'a {{"prompt": …}} a line, for one of the cells with "cell"; {STDIN}: stdin'
    )
    parser.add_argument("--raw", action="store_true", help="tokenise prompts as they are, without template or chat")
    parser.add_argument("--to", type=Path, metavar="FILE", help="write a JSON object a line instead of a table")
    given = parser.parse_intermixed_args(list(arguments))
    if given.to is not None and given.to.exists():
        raise ConfigError(f"--to {given.to} exists already; name a file that does not")
    return given


def _answers(cells: Sequence[Cell], asked: Sequence[Asked], raw: bool) -> list[str]:
    from tunegrid.progress import Progress
    from tunegrid.quiet import hush

    hush()
    from tunegrid.inference.answers import answers

    with Progress([cell.title for cell in cells]) as progress, progress.stage("generating") as report:
        return answers(cells, asked, raw, report)


def _lines(cells: Sequence[Cell], asked: Sequence[Asked], found: Sequence[str]) -> list[str]:
    return [
        json.dumps({"cell": cells[one.cell].id, "prompt": one.prompt, "answer": answer}, ensure_ascii=False)
        for one, answer in zip(asked, found, strict=True)
    ]


def _show(cells: Sequence[Cell], asked: Sequence[Asked], found: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("prompt", "cell", "answer", show_lines=True)
    for one, answer in zip(asked, found, strict=True):
        cell = cells[one.cell]
        table.add_row(_readable(one.prompt), f"{cell.title}\n{cell.id}", _readable(answer))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160).print(table)


def _readable(text: str) -> "Text":
    """Without the control characters by which a text could write elsewhere on a terminal."""
    from rich.text import Text

    return Text("".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text))
