"""`data=preferences`: what people said of answers, turned into pairs of a better and a worse one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from tunegrid.config import schema
from tunegrid.data import Data, Example, Splits
from tunegrid.data.content_hash import hash_parts
from tunegrid.data.division import check_shares, divided
from tunegrid.data.own_file import own_file
from tunegrid.data.pairs import MARGIN, Pair
from tunegrid.data.record import Problem, Record
from tunegrid.data.record_file import read_records
from tunegrid.errors import DataError
from tunegrid.model.cache import file_sha256

RESPONSE, RATING, FLAGGED, EDIT = "response", "rating", "flagged", "edit"
CHOSEN, REJECTED = "chosen", "rejected"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one record says of one answer: a number that is higher for better ones."""

    line: int
    response: str
    worth: float


@schema("data", "preferences")
@dataclass(kw_only=True, slots=True)
class Preferences(Data):
    """JSON lines with a `prompt` and one of: `chosen` and `rejected`; `response` and `rating`, `flagged` or `edit`.

    Pairs are taken as they are. Of two answers to one prompt the one rated higher is the better, and one that is not
    flagged is better than one that is. An edit is better than what it was made of.
    """

    path: str
    """The file. Of its prompts, some validate and some test, chosen by `data.split_seed`."""
    validation_fraction: float
    test_fraction: float

    def __post_init__(self) -> None:
        Data.__post_init__(self)
        check_shares(self.validation_fraction, self.test_fraction, "prompts")

    def splits(self) -> Splits:
        """All pairs of a prompt are in the same part."""
        path = self._file()
        examples = read_preferences(path)
        prompts = {_prompt(example) for example in examples}
        if len(prompts) < 3:
            raise DataError(f"{path}: {len(prompts)} prompts with pairs, too few to divide; give it at least 3")
        shares = {"validation": self.validation_fraction, "test": self.test_fraction}
        parts = divided(examples, shares, self.split_seed, path, whole=_prompt)
        note = f"preferences: {len(examples)} pairs of {len(prompts)} prompts, divided by seed {self.split_seed}"
        return Splits(parts["train"], parts["validation"], parts["test"], (note,))

    def fingerprint(self) -> str:
        """A hash of the file and of how it is divided."""
        options = (self.validation_fraction, self.test_fraction, self.split_seed)
        return hash_parts(("preferences", file_sha256(self._file()), options))

    def _file(self) -> Path:
        return own_file(self.path, "data.path")


def _prompt(example: Example) -> str:
    return example.fields["prompt"]


def read_preferences(path: Path) -> list[Example]:
    """The pairs of a file. Raises `DataError` naming the line and key of a record that says nothing usable."""
    judged: dict[tuple[str, str], list[Judgement]] = {}
    found: list[Example] = []
    for record in read_records(path):
        if isinstance(record, Problem):
            raise DataError(f"{path}:{record.line}: {record.text}")
        prompt = _text(path, record, "prompt")
        if CHOSEN in record.columns or EDIT in record.columns:
            found.append(_example(path, record.line, _pair(path, record, prompt)))
        else:
            kind = RATING if RATING in record.columns else FLAGGED
            judged.setdefault((prompt, kind), []).append(_judgement(path, record, kind))
    for (prompt, _), judgements in judged.items():
        found += [_example(path, line, pair) for line, pair in _compared(prompt, judgements)]
    if not found:
        raise DataError(f"{path}: no two answers to one prompt of which one is better; add some")
    return found


def _pair(path: Path, record: Record, prompt: str) -> Pair:
    better, worse = (CHOSEN, REJECTED) if CHOSEN in record.columns else (EDIT, RESPONSE)
    margin = record.columns.get(MARGIN, 0.0)
    if isinstance(margin, bool) or not isinstance(margin, int | float):
        raise DataError(f"{path}:{record.line}: {MARGIN}: not a number; correct or remove it")
    return Pair(prompt, _text(path, record, better), _text(path, record, worse), float(margin))


def _judgement(path: Path, record: Record, kind: str) -> Judgement:
    value = record.columns.get(kind)
    if kind == FLAGGED and isinstance(value, bool):
        return Judgement(record.line, _text(path, record, RESPONSE), -float(value))
    if kind == RATING and isinstance(value, int | float) and not isinstance(value, bool):
        return Judgement(record.line, _text(path, record, RESPONSE), float(value))
    wanted = "true or false" if kind == FLAGGED else "a number"
    raise DataError(
        f"{path}:{record.line}: {kind}: not {wanted}; give chosen and rejected, or response with rating, "
        "flagged or edit"
    )


def _compared(prompt: str, judgements: Sequence[Judgement]) -> Iterator[tuple[int, Pair]]:
    """Every better answer before every worse one to the same prompt."""
    for better, worse in product(judgements, repeat=2):
        if better.worth > worse.worth:
            yield better.line, Pair(prompt, better.response, worse.response)


def _example(path: Path, line: int, pair: Pair) -> Example:
    fields: Mapping[str, str] = {"prompt": pair.prompt, MARGIN: str(pair.margin)}
    return Example(f"{path.name}:{line}", fields, (pair.chosen,), rejected=(pair.rejected,))


def _text(path: Path, record: Record, column: str) -> str:
    value = record.columns.get(column)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{path}:{record.line}: {column}: missing or empty; fill it in or remove the row")
    return value
