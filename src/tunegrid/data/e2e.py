"""`data=e2e`: the E2E NLG challenge (Novikova et al. 2017), from a folder or from the hub."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tunegrid.config import require, schema
from tunegrid.data import Data, Example, Splits
from tunegrid.data.content_hash import hash_parts
from tunegrid.data.e2e_meaning import MeaningFormat, lora_form, slots
from tunegrid.data.hub_file import HubFile, download
from tunegrid.data.record import Problem, Record
from tunegrid.data.record_file import read_records
from tunegrid.errors import DataError
from tunegrid.model.cache import file_sha256

TRAIN, VALIDATION, SPLIT = "trainset.csv", "devset.csv", "dev_split.json"
TESTS = ("testset_w_refs.csv", "test_public.csv")


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the two columns that are read."""

    meaning: str
    reference: str


OFFICIAL = Columns("mr", "ref")


@dataclass(frozen=True, slots=True)
class Text:
    """One row of a file."""

    line: int
    meaning: str
    reference: str


@schema("data", "e2e")
@dataclass(kw_only=True, slots=True)
class E2E(Data):
    """Texts about restaurants, several for each meaning representation."""

    path: str | None
    """A folder with the challenge's CSV files; null: the hub repository."""
    mr_format: MeaningFormat
    """How a meaning representation is shown: official or lora."""
    repository: str
    """A data set repository of the hub."""
    revision: str
    """Its commit, 40 hexadecimal digits."""
    train_file: str
    """The file of the training part in the repository, `.csv` or `.parquet`."""
    validation_file: str
    """The file of the validation part."""
    test_file: str
    """The file of the test part, one row for each reference."""
    meaning_column: str
    """The column of meaning representations in the repository's files."""
    reference_column: str
    """The column of texts in the repository's files."""

    def __post_init__(self) -> None:
        Data.__post_init__(self)
        pinned = re.fullmatch("[0-9a-f]{40}", self.revision) is not None
        require(pinned, "data.revision", "be a full commit hash of 40 hexadecimal digits", self.revision)

    def splits(self) -> Splits:
        """Read the three parts, one example for each meaning representation, in order of first appearance."""
        return self._from_hub() if self.path is None else self._from_folder(_folder(self.path))

    def fingerprint(self) -> str:
        """A hash of the files' contents, or of the pinned revision, and of `mr_format`."""
        if self.path is None:
            files = (self.train_file, self.validation_file, self.test_file)
            columns = (self.meaning_column, self.reference_column)
            return hash_parts(("e2e", self.mr_format.value, self.repository, self.revision, files, columns))
        folder = _folder(self.path)
        present = [name for name in (TRAIN, VALIDATION, SPLIT, *TESTS) if (folder / name).is_file()]
        contents = tuple((name, file_sha256(folder / name)) for name in present)
        return hash_parts(("e2e", self.mr_format.value, contents))

    def _from_hub(self) -> Splits:
        columns = Columns(self.meaning_column, self.reference_column)
        train, validation, test = (
            self._grouped(Path(name), _texts(download(HubFile(self.repository, self.revision, name)), columns))
            for name in (self.train_file, self.validation_file, self.test_file)
        )
        return Splits(train, validation, test, (f"e2e: {self.repository} at {self.revision[:10]}",))

    def _from_folder(self, folder: Path) -> Splits:
        test = self._test(folder)
        dev = self._read(folder / VALIDATION)
        if (folder / TRAIN).is_file():
            note = f"e2e: {TRAIN}, {VALIDATION}, {test[0].key.split(':')[0]}"
            return Splits(self._read(folder / TRAIN), dev, test, (note,))
        train, validation = _divided(folder / SPLIT, dev)
        counts = f"{len(train)} training and {len(validation)} validation MRs"
        tests = f"e2e: test is {test[0].key.split(':')[0]}, {len(test)} MRs"
        return Splits(train, validation, test, (f"e2e: no {TRAIN}; {SPLIT} divides {VALIDATION} into {counts}", tests))

    def _test(self, folder: Path) -> tuple[Example, ...]:
        for name in TESTS:
            if (folder / name).is_file():
                return self._read(folder / name)
        raise DataError(f"{folder}: no test file; expected {' or '.join(TESTS)} with columns mr, ref")

    def _read(self, path: Path) -> tuple[Example, ...]:
        return self._grouped(path, _texts(path, OFFICIAL))

    def _grouped(self, path: Path, rows: Iterable[Text]) -> tuple[Example, ...]:
        """One example for each distinct meaning representation, with all its texts."""
        groups: dict[str, list[Text]] = {}
        for row in rows:
            groups.setdefault(row.meaning, []).append(row)
        return tuple(self._example(path, meaning, group) for meaning, group in groups.items())

    def _example(self, path: Path, meaning: str, rows: list[Text]) -> Example:
        try:
            pairs = slots(meaning)
        except ValueError as error:
            raise DataError(f"{path}:{rows[0].line}: mr: {error}; expected `name[Aromi], food[Chinese], …`") from None
        shown = meaning if self.mr_format is MeaningFormat.official else lora_form(pairs)
        return Example(f"{path.name}:{rows[0].line}", {"mr": shown}, tuple(row.reference for row in rows))


def _texts(path: Path, columns: Columns) -> list[Text]:
    """The rows of a file. Raises `DataError` for the first that cannot be used."""
    texts = []
    for record in read_records(path):
        if isinstance(record, Problem):
            raise DataError(f"{path}:{record.line}: {record.text}")
        meaning, reference = (_cell(path, record, name) for name in (columns.meaning, columns.reference))
        texts.append(Text(record.line, meaning, reference))
    return texts


def _cell(path: Path, record: Record, name: str) -> str:
    if name not in record.columns:
        raise DataError(f"{path}:1: {name}: no such column; the header has {', '.join(record.columns) or 'none'}")
    text = str(record.columns[name] or "").strip()
    if not text:
        raise DataError(f"{path}:{record.line}: {name}: empty; fill it in or remove the row")
    return text


def _folder(path: str) -> Path:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; set data.path to the folder of the E2E files ({VALIDATION}, …)")
    return folder


def _divided(path: Path, dev: tuple[Example, ...]) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Training and validation examples: `path` lists the numbers of each, counting MRs by first appearance from 0."""
    if not path.is_file():
        raise DataError(
            f"{path.parent}: no {TRAIN}; add it, or a {path.name} that divides {VALIDATION} into train and valid"
        )
    try:
        lists = json.loads(path.read_text(encoding="utf-8"))
        parts = [[dev[_index(number, len(dev))] for number in lists[name]] for name in ("train", "valid")]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        form = '{"train": [1, …], "valid": [0, …]} with numbers of MRs'
        raise DataError(f"{path}: {type(error).__name__} {error}; expected {form} from 0 to {len(dev) - 1}") from None
    if set(lists["train"]) & set(lists["valid"]):
        raise DataError(f"{path}: an MR is both in train and in valid; put it in one of them")
    return tuple(parts[0]), tuple(parts[1])


def _index(number: object, count: int) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < count:
        raise IndexError(f"{number!r} is no MR")
    return number
