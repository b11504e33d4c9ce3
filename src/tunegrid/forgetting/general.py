"""`forgetting=general`: general English text and easy multiple-choice items, those of tunegrid or the user's own."""

from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tunegrid.config import schema
from tunegrid.data.own_file import own_file
from tunegrid.data.record import Problem, Record
from tunegrid.data.record_file import read_records
from tunegrid.data.record_format import RecordError, text_of
from tunegrid.errors import DataError
from tunegrid.forgetting import Forgetting, Item, Material

TEXT = Path(__file__).with_name("general_text.txt")
TASKS = Path(__file__).with_name("held_out.jsonl")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a text file."""

    number: int
    """From 1."""
    text: str


@schema("forgetting", "general")
@dataclass(kw_only=True, slots=True)
class General(Forgetting):
    """Perplexity of passages, and accuracy on items by length-normalised likelihood."""

    text: str | None
    """A UTF-8 file of passages with a blank line between them; null: the one that ships with tunegrid."""
    tasks: str | None
    """A JSONL file of items: task, prompt, choices, answer (from 0); null: the one that ships with tunegrid."""

    def material(self) -> Material:
        text, tasks = _file("text", self.text, TEXT), _file("tasks", self.tasks, TASKS)
        return Material(tuple(read_passages(text)), tuple(read_items(tasks)))


def _file(field: str, name: str | None, shipped: Path) -> Path:
    return shipped if name is None else own_file(name, f"forgetting.{field}")


def read_passages(path: Path) -> Iterator[str]:
    """The passages of a text file, each on one line. Raises `DataError` naming `file:line`."""
    blocks = [list(block) for filled, block in groupby(_lines(path), key=lambda line: bool(line.text)) if filled]
    if not blocks:
        raise DataError(f"{path}: empty; give it at least one passage")
    for block in blocks:
        passage = " ".join(line.text for line in block)
        if " " not in passage:
            problem = "a passage of one word, in which nothing can be predicted"
            raise DataError(f"{path}:{block[0].number}: {problem}; write more of it or remove it")
        yield passage


def _lines(path: Path) -> Iterator[Line]:
    """Every line, without blanks at its ends. Raises `DataError` for bytes that are not UTF-8."""
    for number, raw in enumerate(path.read_bytes().removeprefix(BOM_UTF8).splitlines(), 1):
        try:
            yield Line(number, " ".join(raw.decode().split()))
        except UnicodeDecodeError as error:
            problem = f"not UTF-8 at byte {error.start + 1}; save the file as UTF-8"
            raise DataError(f"{path}:{number}: {problem}") from None


def read_items(path: Path) -> Iterator[Item]:
    """The items of a JSONL file. Raises `DataError` naming `file:line: key` of the first that cannot be used."""
    for record in read_records(path):
        if isinstance(record, Problem):
            raise DataError(f"{path}:{record.line}: {record.text}")
        try:
            yield _item(record)
        except RecordError as error:
            raise DataError(f"{path}:{record.line}: {error}") from None


def _item(record: Record) -> Item:
    columns = record.columns
    task, prompt, answer = text_of(columns, "task"), text_of(columns, "prompt"), columns.get("answer")
    choices = _choices(columns.get("choices"))
    if not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer < len(choices):
        way = f"write the place of the right one, 0 to {len(choices) - 1}"
        raise RecordError(f"answer: {answer!r} is the place of no choice; {way}")
    return Item(task, prompt, choices, answer)


def _choices(listed: object) -> tuple[str, ...]:
    if not isinstance(listed, list):
        raise RecordError('choices: missing or no list; write ["one choice", "another"]')
    choices = tuple(text_of({key: choice}, key) for key, choice in ((f"choices[{i}]", c) for i, c in enumerate(listed)))
    if len(set(choices)) < max(2, len(choices)):
        raise RecordError(f"choices: {len(set(choices))} different of {len(choices)}; write at least two, each once")
    return choices
