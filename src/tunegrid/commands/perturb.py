"""`tunegrid perturb FILE --kind KIND [--key KEY] [--percent N] [--seed N]`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tunegrid.arguments import CommandParser
from tunegrid.data.perturb import Perturbation, perturb
from tunegrid.data.record import Problem
from tunegrid.data.record_file import read_records
from tunegrid.errors import ConfigError, DataError, unknown

DESCRIPTION = """Print a file with every text changed a little: questions for `tunegrid score --perturbed`.
One text a line, or .jsonl, where the text at --key changes and the rest of a record stays."""


def main(arguments: Sequence[str]) -> int:
    """Run the command and return 0. Raises `ConfigError` or `DataError` for the user's mistakes, and writes no file."""
    kinds = [kind.value for kind in Perturbation]
    parser = CommandParser(prog="tunegrid perturb", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--kind", required=True, metavar="|".join(kinds))
    parser.add_argument("--key", default="input", help="of a .jsonl record (default input)")
    parser.add_argument("--percent", type=int, default=10, metavar="N", help="of words that change (default 10)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    given = parser.parse_args(list(arguments))
    if given.kind not in kinds:
        raise ConfigError(f"--kind: {unknown('kind', given.kind, kinds)}")
    if not 1 <= given.percent <= 100:
        raise ConfigError(f"--percent must be from 1 to 100, got {given.percent}")

    def changed(text: str) -> str:
        return perturb(text, Perturbation(given.kind), seed=given.seed, percent=given.percent)

    if given.file.suffix == ".jsonl":
        records = list(_records(given.file, given.key))
        lines = [
            json.dumps({**record, given.key: changed(record[given.key])}, ensure_ascii=False) for record in records
        ]
    else:
        lines = [changed(line) for line in _text(given.file).split("\n")]
    print("\n".join(lines))
    return 0


def _records(path: Path, key: str) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    for record in read_records(path):
        if isinstance(record, Problem):
            raise DataError(f"{path}:{record.line}: {record.text}")
        if not isinstance(record.columns.get(key), str):
            raise DataError(
                f"{path}:{record.line}: {key}: no text; name another of {', '.join(record.columns)} by --key"
            )
        yield record.columns


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read ({error}); give a UTF-8 text file") from None
