"""Reading plain text: a record is a paragraph, and blank lines stand between them."""

from collections.abc import Iterator
from pathlib import Path

from tunegrid.data.json_lines import LONGEST_LINE
from tunegrid.data.record import Problem, Record


def read_paragraphs(path: Path) -> Iterator[Record | Problem]:
    """The paragraphs of a UTF-8 file as records of one column, `text`, with the line each begins at."""
    begin = 1
    lines: list[str] = []
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            line = _decoded(raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw)
            if line is None or len(raw) > LONGEST_LINE:
                fault = "not UTF-8; save the file as UTF-8" if line is None else "no line breaks; break its lines"
                yield Problem(number, fault)
            elif line.strip():
                begin = begin if lines else number
                lines.append(line.rstrip("\r\n"))
            elif lines:
                yield Record(begin, {"text": "\n".join(lines)})
                lines = []
    if lines:
        yield Record(begin, {"text": "\n".join(lines)})


def _decoded(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
