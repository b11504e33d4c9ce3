"""Metrics for answers that are a number, as in the semantic similarity task of GLUE."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunegrid.config import schema
from tunegrid.errors import DataError
from tunegrid.metrics import Metrics, Score, Unavailable, check_pairs, correlation


@schema("metrics", "regression")
@dataclass(kw_only=True, slots=True)
class Regression(Metrics):
    """pearson and spearman (−1 … 1) over the answers that are numbers, and number_rate (0 … 1), how many those are."""

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score the number `answers[i]` against the mean of the numbers `references[i]`. Raises `DataError`."""
        check_pairs(answers, references)
        predicted = np.array([_number(answer) for answer in answers])
        true = np.array([_mean(index, several) for index, several in enumerate(references, 1)])
        rows = correlation.statistics(predicted, true)
        return [
            Score("pearson", rows),
            Score("spearman", correlation.statistics(correlation.places(predicted), correlation.places(true))),
            Score("number_rate", np.stack([rows[:, 2], np.ones(len(rows))], axis=-1)),
        ]


def _number(text: str) -> float:
    """The number that a text is; nan for any other text."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _mean(index: int, references: Sequence[str]) -> float:
    numbers = [_number(reference) for reference in references]
    if any(math.isnan(number) for number in numbers):
        wrong = next(text for text, number in zip(references, numbers, strict=True) if math.isnan(number))
        raise DataError(f"instance {index}: reference {wrong!r} is no number; metrics=regression needs numbers")
    return sum(numbers) / len(numbers)
