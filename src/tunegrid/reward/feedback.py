"""`reward=feedback`: what people said of responses, looked up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunegrid.config import schema
from tunegrid.data.content_hash import hash_parts
from tunegrid.data.own_file import own_file
from tunegrid.data.record import Problem, Record
from tunegrid.data.record_file import read_records
from tunegrid.errors import DataError, unknown
from tunegrid.model.cache import file_sha256
from tunegrid.reward import Judge, Reward

if TYPE_CHECKING:
    from torch import device
    from transformers import PreTrainedTokenizerBase

Key = tuple[str, str]
"""A prompt and a response, without space around them."""


class Feedback(Enum):
    """What a person can say of a response, with what that is worth."""

    correct = 1.0
    inappropriate = -1.0
    adjusted_to = 0.5
    """The response is what the person wrote instead of another."""
    adjusted_from = -0.5
    """The person wrote something else instead."""


@schema("reward", "feedback")
@dataclass(kw_only=True, slots=True)
class FeedbackTable(Reward):
    """Scores of responses that somebody has seen; all others get the same."""

    path: str
    """A file of JSON lines `{"id", "prompt", "response", "feedback"}`, `feedback` being one of the names above."""
    unseen: float
    """Score of a response that is not in the table."""

    def fingerprint(self) -> str | None:
        return hash_parts(("feedback", file_sha256(own_file(self.path, "reward.path"))))

    def judge(self, tokenizer: "PreTrainedTokenizerBase", device: "device") -> Judge:
        from tunegrid.reward.text_judge import TextJudge

        table = read_feedback(own_file(self.path, "reward.path"))

        def scores(prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
            return [table.get(key, self.unseen) for key in zip(prompts, responses, strict=True)]

        return TextJudge(tokenizer, scores)


def read_feedback(path: Path) -> dict[Key, float]:
    """Scores by prompt and response. Raises `DataError` for feedback that is missing, given twice or contradictory."""
    table: dict[Key, float] = {}
    ids: dict[str, int] = {}
    seen: dict[Key, str] = {}
    for record in read_records(path):
        if isinstance(record, Problem):
            raise DataError(f"{path}:{record.line}: {record.text}")
        key, name = _key(path, record), str(record.columns["id"])
        if name in ids:
            raise DataError(f"{path}:{record.line}: id: {name!r} is also that of line {ids[name]}; keep one")
        score = _score(path, record)
        if table.setdefault(key, score) != score:
            problem = f"id: {name!r} contradicts {seen[key]!r} on the same response"
            raise DataError(f"{path}:{record.line}: {problem}; keep one")
        ids[name] = record.line
        seen.setdefault(key, name)
    return table


def _key(path: Path, record: Record) -> Key:
    for column in ("id", "prompt", "response"):
        value: Any = record.columns.get(column)
        if not isinstance(value, str) or not value.strip():
            raise DataError(f"{path}:{record.line}: {column}: missing or empty; fill it in or remove the row")
    columns: Mapping[str, str] = record.columns
    return columns["prompt"].strip(), columns["response"].strip()


def _score(path: Path, record: Record) -> float:
    said = record.columns.get("feedback")
    if said not in Feedback.__members__:
        raise DataError(f"{path}:{record.line}: {unknown('feedback', str(said), list(Feedback.__members__))}")
    return float(Feedback[str(said)].value)
