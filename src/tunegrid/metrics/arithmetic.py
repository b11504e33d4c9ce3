"""Metrics for word problems: whether the final number is right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from tunegrid.config import schema
from tunegrid.errors import DataError
from tunegrid.metrics import Metrics, Score, Unavailable, check_pairs
from tunegrid.metrics.final_number import first_number, last_number, marked_number


@schema("metrics", "arithmetic")
@dataclass(kw_only=True, slots=True)
class Arithmetic(Metrics):
    """strict_accuracy (the number after `####`), flexible_accuracy (the last number) and first_accuracy, 0 … 1.

    The first two extractions are those of lm-evaluation-harness's gsm8k, the first number is what Kojima et al. (2022)
    read after «the answer (arabic numerals) is». Numbers are compared by value, so 5.00 is 5.
    """

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score the number of `answers[i]` against that of every one of `references[i]`. Raises `DataError`."""
        check_pairs(answers, references)
        right = [{_true_number(index, text) for text in several} for index, several in enumerate(references, 1)]
        return [
            Score("strict_accuracy", _hits(answers, right, marked_number)),
            Score("flexible_accuracy", _hits(answers, right, last_number)),
            Score("first_accuracy", _hits(answers, right, first_number)),
        ]


def _true_number(index: int, reference: str) -> Decimal:
    number = last_number(reference) if marked_number(reference) is None else marked_number(reference)
    if number is None:
        raise DataError(f"instance {index}: reference {reference[-60:]!r} has no number; metrics=arithmetic needs one")
    return number


def _hits(
    answers: Sequence[str], right: Sequence[set[Decimal]], extract: Callable[[str], Decimal | None]
) -> np.ndarray:
    """(instances, 2): 1 where the answer's number is right else 0, and 1."""
    hits = [float(extract(answer) in true) for answer, true in zip(answers, right, strict=True)]
    return np.stack([np.array(hits), np.ones(len(hits))], axis=-1)
