"""New prompts, and which cells each is for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunegrid.cell.cell import Cell
from tunegrid.data.json_lines import read_json_lines
from tunegrid.data.record import Problem, Record
from tunegrid.errors import ConfigError, DataError, unknown

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt for one cell."""

    prompt: str
    cell: int
    """Its place among the cells that were named."""


def asked_of_all(prompts: Sequence[str], cells: Sequence[Cell]) -> list[Asked]:
    """Each prompt for every cell."""
    if not all(prompt.strip() for prompt in prompts):
        raise ConfigError("--prompt must be a text, got nothing")
    return [Asked(prompt, place) for prompt in prompts for place in range(len(cells))]


def read_asked(name: str, cells: Sequence[Cell]) -> list[Asked]:
    """The prompts of a file of {"prompt": …, "cell": …}, one a line; without a cell a prompt is for every cell.

    A cell is named by the beginning of its id. Raises `DataError` naming `file:line: key`.
    """
    path = Path("/dev/stdin" if name == STDIN else name)
    if not path.exists() or path.is_dir():
        raise DataError(f"--file {name}: no such file; correct the path")
    asked: list[Asked] = []
    for record in read_json_lines(path):
        if isinstance(record, Problem):
            raise DataError(f"{path}:{record.line}: {record.text}")
        where = f"{path}:{record.line}"
        asked += [Asked(_prompt(record, where), place) for place in _places(record, where, cells)]
    return asked


def _prompt(record: Record, where: str) -> str:
    prompt: Any = record.columns.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise DataError(f'{where}: prompt: a text is expected, got {prompt!r}; write {{"prompt": …}}')
    return prompt


def _places(record: Record, where: str, cells: Sequence[Cell]) -> Sequence[int]:
    cell = record.columns.get("cell")
    if cell is None:
        return range(len(cells))
    found = [place for place, known in enumerate(cells) if cell and known.id.startswith(str(cell))]
    if len(found) != 1:
        raise DataError(f"{where}: cell: {unknown('cell', str(cell), [known.id for known in cells])}")
    return found
