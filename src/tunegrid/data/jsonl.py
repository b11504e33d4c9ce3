"""`data=jsonl`: your own file or folder of records, one JSON object per line."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tunegrid.config import require, schema
from tunegrid.data import Data, Example, Splits
from tunegrid.data.content_hash import hash_parts
from tunegrid.data.draw import order
from tunegrid.data.json_lines import Problem, Record, read_records
from tunegrid.data.record_format import Answered, RecordError, RecordFormat, detect
from tunegrid.errors import DataError
from tunegrid.model.cache import file_sha256

NAMES = {"train": ("train",), "validation": ("validation", "valid", "val", "dev"), "test": ("test",)}
"""File names, without `.jsonl`, by which a folder's parts are known."""
_SHOWN = 5


class OnError(Enum):
    """What happens to a record that cannot be used."""

    stop = "stop"
    skip = "skip"


@dataclass(frozen=True, slots=True)
class Records:
    """The usable part of one file."""

    examples: tuple[Example, ...]
    """One for each distinct prompt, in order of first appearance, with all its answers."""
    notes: tuple[str, ...]


@schema("data", "jsonl")
@dataclass(kw_only=True, slots=True)
class JsonLines(Data):
    """Instruction, prompt/completion or chat records from files; the format is found by itself, file by file."""

    path: str
    """The training file, or a folder with train.jsonl and, where there are any, validation.jsonl and test.jsonl."""
    validation_fraction: float
    """Share of the training file's prompts that validates, where there is no validation file."""
    test_fraction: float
    """Share of the training file's prompts that tests, where there is no test file."""
    on_error: OnError
    """A record that cannot be used: stop with an error, or skip it and say so."""

    def __post_init__(self) -> None:
        Data.__post_init__(self)
        for name in ("validation_fraction", "test_fraction"):
            require(0 < getattr(self, name) < 1, f"data.{name}", "be between 0 and 1", getattr(self, name))
        total = self.validation_fraction + self.test_fraction
        require(total < 1, "data.validation_fraction + data.test_fraction", "leave rows for training", total)

    def splits(self) -> Splits:
        """Read all files; a part without a file of its own is taken from the training file, whole prompts at a time."""
        files = self._files()
        read = {part: self._read(path) for part, path in files.items()}
        notes = [note for records in read.values() for note in records.notes]
        parts = {part: records.examples for part, records in read.items()}
        missing = [part for part in ("validation", "test") if part not in parts]
        if missing:
            before = len(parts["train"])
            parts |= self._divided(files["train"], parts["train"], missing)
            counts = ", ".join(f"{part} {len(parts[part])}" for part in ("train", *missing))
            notes.append(
                f"jsonl: {before} prompts of {files['train'].name} divided by seed {self.split_seed}: {counts}"
            )
        return Splits(parts["train"], parts["validation"], parts["test"], tuple(notes))

    def fingerprint(self) -> str:
        """A hash of the files' contents and of the reading options."""
        contents = tuple((part, file_sha256(path)) for part, path in self._files().items())
        options = (self.validation_fraction, self.test_fraction, self.split_seed, self.on_error.value)
        return hash_parts(("jsonl", contents, options))

    def _files(self) -> dict[str, Path]:
        path = Path(self.path).expanduser()
        if not path.is_dir():
            if not path.is_file():
                raise DataError(f"{path}: no such file or folder; check data.path")
            return {"train": path}
        candidates = {part: [path / f"{name}.jsonl" for name in names] for part, names in NAMES.items()}
        found = {part: [file for file in files if file.is_file()] for part, files in candidates.items()}
        if not found["train"]:
            raise DataError(f"{path}: no train.jsonl in it; name the training file so, or point data.path at a file")
        return {part: files[0] for part, files in found.items() if files}

    def _read(self, path: Path) -> Records:
        problems: list[Problem] = []
        answers: list[tuple[int, Answered]] = []
        form: RecordFormat | None = None
        seen: dict[str, int] = {}
        for record in read_records(path):
            if isinstance(record, Problem):
                problems.append(record)
                continue
            try:
                form = form or detect(record.columns)
                _check_id(record, seen)
                answers += [(record.line, answered) for answered in form.read(record.columns)]
            except RecordError as error:
                problems.append(Problem(record.line, str(error)))
        self._stop_at(path, problems, usable=bool(answers))
        shown = "; ".join(f"line {problem.line}: {problem.text}" for problem in problems[:_SHOWN])
        skipped = [f"jsonl: {path.name}: {len(problems)} records skipped: {shown}"] if problems else []
        name = form.name if form else "none"
        return Records(tuple(_grouped(path, answers)), (f"jsonl: {path.name}: {name}, {len(answers)} rows", *skipped))

    def _stop_at(self, path: Path, problems: list[Problem], usable: bool) -> None:
        """Raise for the first problem, unless skipping is asked for and leaves something."""
        if not problems or (self.on_error is OnError.skip and usable):
            return
        more = f" ({len(problems) - 1} more such lines)" if len(problems) > 1 else ""
        way = "; data.on_error=skip leaves them out" if usable else ""
        raise DataError(f"{path}:{problems[0].line}: {problems[0].text}{more}{way}")

    def _divided(self, path: Path, examples: tuple[Example, ...], missing: list[str]) -> dict[str, tuple[Example, ...]]:
        """Divide records at random; a conversation stays whole, and each part has at least one and the file's order."""
        lines = list(dict.fromkeys(_line(example) for example in examples))
        if len(lines) <= len(missing):
            needed = f"give it at least {len(missing) + 1}, or add files for {' and '.join(missing)}"
            raise DataError(f"{path}: too few distinct prompts to divide, {len(lines)}; {needed}")
        shuffled = [lines[i] for i in order(len(lines), f"parts:{self.split_seed}")]
        chosen: dict[str, str] = {}
        fractions = {"validation": self.validation_fraction, "test": self.test_fraction}
        for position, part in enumerate(missing):
            others = len(missing) - position  # each later part and training need a record
            count = min(max(1, round(fractions[part] * len(lines))), len(shuffled) - others)
            chosen |= dict.fromkeys(shuffled[:count], part)
            shuffled = shuffled[count:]
        parts = ("train", *missing)
        return {part: tuple(e for e in examples if chosen.get(_line(e), "train") == part) for part in parts}


def _line(example: Example) -> str:
    """The `file:line` of an example's record."""
    return ":".join(example.key.split(":")[:2])


def _check_id(record: Record, seen: dict[str, int]) -> None:
    """Refuse a second record with the same `id`."""
    name = record.columns.get("id")
    if not isinstance(name, str | int):
        return
    first = seen.setdefault(str(name), record.line)
    if first != record.line:
        raise RecordError(f"id: {name!r} is also that of line {first}; make ids unique or remove one")


def _grouped(path: Path, answers: list[tuple[int, Answered]]) -> Iterator[Example]:
    """One example for each distinct prompt; a repeated answer counts once."""
    groups: dict[tuple[object, ...], list[tuple[int, Answered]]] = {}
    for line, answered in answers:
        columns = tuple(item for item in answered.fields.items() if item[0] != "id")
        identity = (columns, answered.turns)
        groups.setdefault(identity, []).append((line, answered))
    keys: dict[str, int] = {}
    for group in groups.values():
        line, first = group[0]
        key = f"{path.name}:{line}"
        keys[key] = keys.get(key, 0) + 1
        suffix = f":{keys[key]}" if keys[key] > 1 else ""  # several answers of one conversation
        references = dict.fromkeys(answered.answer for _, answered in group)
        yield Example(key + suffix, first.fields, tuple(references), first.turns)
