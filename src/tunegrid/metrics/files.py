"""Reading answers and references from text files, one text a line, or from records (`.jsonl`)."""

from collections.abc import Sequence
from pathlib import Path

from tunegrid.errors import DataError
from tunegrid.metrics.answer_records import SUFFIX, read_text_lists, read_texts


def read_predictions(path: Path) -> list[str]:
    """Return one prediction a line; an empty line is an empty one. Records hold `answer`. Raises `DataError`."""
    if path.suffix == SUFFIX:
        return read_texts(path, "answer")
    return [line.strip() for line in _lines(path)]


def read_references(path: Path, instances: int) -> list[list[str]]:
    """Return the references of each instance: one a line, a blank line between instances.

    A file without blank lines that has as many lines as there are `instances` holds one reference each. Records hold
    `references`. Raises `DataError` where the file can't be read, an instance has no reference, or their number is not
    `instances`.
    """
    if path.suffix == SUFFIX:
        return _checked(path, read_text_lists(path, "references"), instances, "write one record for each")
    lines = [line.strip() for line in _lines(path)]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise DataError(f"{path}: has no references, only blank lines")
    if all(lines) and len(lines) == instances:
        return [[line] for line in lines]
    groups = _split_at_blank_lines(path, lines)
    hint = "put a blank line between instances" if len(groups) == 1 else "they must pair up line by line"
    return _checked(path, groups, instances, hint)


def _checked(path: Path, references: list[list[str]], instances: int, hint: str) -> list[list[str]]:
    if len(references) != instances:
        raise DataError(
            f"{path}: references for {len(references)} instances, but there are {instances} predictions; {hint}"
        )
    return references


def _split_at_blank_lines(path: Path, lines: Sequence[str]) -> list[list[str]]:
    groups: list[list[str]] = [[]]
    for number, line in enumerate(lines, 1):
        if line:
            groups[-1].append(line)
        elif groups[-1]:
            groups.append([])
        else:
            raise DataError(f"{path}:{number}: a blank line where a reference should be; keep one between instances")
    return groups


def _lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "can't be read").lower()
        raise DataError(f"{path}: {reason}; give a text file with one text a line") from error
    if not content:
        raise DataError(f"{path}: the file is empty; give one text a line")
    lines = content.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n").split(b"\n")
    return [_decoded(path, number, line) for number, line in enumerate(lines, 1)]


def _decoded(path: Path, number: int, line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}:{number}: not UTF-8 at byte {error.start + 1}; save the file as UTF-8") from error
