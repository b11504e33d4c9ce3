"""Metrics for answers that name a class, as in most tasks of GLUE."""

from collections.abc import Sequence
from dataclasses import dataclass

from tunegrid.config import schema
from tunegrid.errors import DataError
from tunegrid.metrics import Metrics, Score, Unavailable, check_pairs, class_counts, exact_match


@schema("metrics", "classification")
@dataclass(kw_only=True, slots=True)
class Classification(Metrics):
    """accuracy and macro_f1 (0 … 1), matthews (−1 … 1); case and white space at the ends are nothing."""

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score `answers[i]` against the one label that all of `references[i]` are. Raises `DataError`."""
        check_pairs(answers, references)
        labels = [_label(index, several) for index, several in enumerate(references, 1)]
        named = [_plain(answer) for answer in answers]
        counts = class_counts.statistics(named, labels)
        return [
            Score("accuracy", exact_match.statistics(named, [[label] for label in labels])),
            Score("macro_f1", counts),
            Score("matthews", counts),
        ]


def _plain(text: str) -> str:
    return text.strip().casefold()


def _label(index: int, references: Sequence[str]) -> str:
    found = {_plain(reference) for reference in references}
    if len(found) > 1:
        shown = ", ".join(sorted(found))
        raise DataError(f"instance {index} has several labels ({shown}); give one, or use metrics=text")
    return found.pop()
