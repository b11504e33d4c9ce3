"""`reward=feedback`: what people said of responses, looked up."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunegrid.config import schema
from tunegrid.data.content_hash import hash_parts
from tunegrid.data.own_file import own_file
from tunegrid.data.record import Problem, Record, RecordError
from tunegrid.data.record_file import read_records
from tunegrid.errors import DataError
from tunegrid.model.cache import file_sha256
from tunegrid.reward import Judge, Reward
from tunegrid.reward.event import Worths, event_of
from tunegrid.reward.ledger import Ledger, RefusedError

if TYPE_CHECKING:
    from torch import device
    from transformers import PreTrainedTokenizerBase


@schema("reward", "feedback")
@dataclass(kw_only=True, slots=True)
class FeedbackTable(Reward):
    """Scores of responses that somebody has seen; all others get the same."""

    path: str
    """A file of JSON lines `{"id", "prompt", "response", "kind", "text"}`; see `reward/event.py`."""
    unseen: float
    """Score of a response that is not in the table."""
    worths: Worths
    """Score of a response of which something was said; the mean where several things were."""

    def fingerprint(self) -> str | None:
        return hash_parts(("feedback", file_sha256(own_file(self.path, "reward.path"))))

    def judge(self, tokenizer: "PreTrainedTokenizerBase", device: "device") -> Judge:
        from tunegrid.reward.text_judge import TextJudge

        ledger = read_feedback(own_file(self.path, "reward.path"), self.worths)

        def scores(prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
            found = [ledger.worth(key) for key in zip(prompts, responses, strict=True)]
            return [self.unseen if worth is None else worth for worth in found]

        return TextJudge(tokenizer, scores)


def read_feedback(path: Path, worths: Worths) -> Ledger:
    """The events of a file. Raises `DataError` for one that is not whole, given twice or contradictory."""
    ledger = Ledger(worths)
    for record in read_records(path):
        if isinstance(record, Problem):
            raise DataError(f"{path}:{record.line}: {record.text}")
        _take_in(ledger, record, path)
    return ledger


def _take_in(ledger: Ledger, record: Record, path: Path) -> None:
    try:
        ledger.add(event_of(record.columns))
    except (RecordError, RefusedError) as error:
        raise DataError(f"{path}:{record.line}: {error}") from None
