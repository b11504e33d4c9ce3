"""Multiple choice by likelihood: the choice a model finds likeliest is its answer (Brown et al. 2020, section 2.4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunegrid.config import schema
from tunegrid.errors import DataError
from tunegrid.metrics import Metrics, Ranked, Score, Unavailable, calibration, group_gap

BINS = 10
"""Of the calibration error."""


@schema("metrics", "multiple_choice")
@dataclass(kw_only=True, slots=True)
class MultipleChoice(Metrics):
    """acc and acc_norm (0 … 1), ECE (0 … 1) and Brier (0 … 2) of answers that sampler=choices ranks.

    The probability of a choice is its likelihood over the sum of all of its question's. Where questions are of several
    groups, acc_gap (0 … 1), too: the best group's acc less the worst's.
    """

    def compares(self) -> bool:
        return False

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Nothing: a chosen text does not say how likely it was."""
        return []

    def score_choices(self, ranked: Sequence[Ranked]) -> list[Score | Unavailable]:
        """Score every question that was ranked. Raises `DataError` for one that does not say which choice is right."""
        if not ranked:
            reason = "needs the likelihoods of given choices: sampler=choices"
            return [Unavailable(name, reason) for name in ("acc", "acc_norm", "ECE", "Brier")]
        right = [_one_right(place, one) for place, one in enumerate(ranked, 1)]
        own = [one.log_likelihoods for one in ranked]
        counts = statistics(own, [one.lengths for one in ranked], right)
        probabilities = _probabilities(own)  # (n, most choices)
        confidence = probabilities.max(axis=1)
        groups = [one.group for one in ranked]
        apart = [Score("acc_gap", group_gap.statistics(counts[:, 0], groups))] if len({*groups} - {None}) > 1 else []
        return [
            Score("acc", counts[:, [0, 2]]),
            Score("acc_norm", counts[:, [1, 2]]),
            Score("ECE", calibration.error_statistics(confidence, counts[:, 0], BINS)),
            Score("Brier", calibration.brier_statistics(probabilities, np.array(right))),
            *apart,
        ]


def _one_right(place: int, one: Ranked) -> int:
    if len(one.gold) != 1:
        raise DataError(
            f"question {place} has {len(one.gold)} right choices; metrics=multiple_choice needs exactly one"
        )
    return one.gold[0]


def _probabilities(log_likelihoods: Sequence[np.ndarray]) -> np.ndarray:
    """(items, most choices): each item's likelihoods over their sum, 0 where it has fewer choices."""
    rows = np.full((len(log_likelihoods), max(map(len, log_likelihoods))), -np.inf)
    for row, own in zip(rows, log_likelihoods, strict=True):
        row[: len(own)] = own
    likelihoods = np.exp(rows - rows.max(axis=1, keepdims=True))
    return likelihoods / likelihoods.sum(axis=1, keepdims=True)


def statistics(
    log_likelihoods: Sequence[np.ndarray], lengths: Sequence[np.ndarray], answers: Sequence[int]
) -> np.ndarray:
    """(items, 3): whether the likeliest choice is right, whether the likeliest for its length is, and 1.

    Of each item: (choices,) summed log-likelihoods in nats, (choices,) lengths above 0, and the place of the right
    choice. With lengths in characters the second is `acc_norm` of lm-evaluation-harness, the first its `acc`.
    """
    items = zip(log_likelihoods, lengths, answers, strict=True)
    rows = [(is_likeliest(own, answer), is_likeliest(own / size, answer), 1.0) for own, size, answer in items]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 3)


def is_likeliest(scores: np.ndarray, answer: int) -> float:
    """1 where `answer` has the highest of (choices,) scores, 1/k where k share it, so that ties are worth a guess.

    0 where its score is not a number.
    """
    if not scores[answer] >= np.nanmax(scores, initial=-np.inf):
        return 0.0
    return 1 / float((scores == scores[answer]).sum())


def accuracy(sums: np.ndarray) -> np.ndarray:
    """Share of items whose likeliest choice is right: (..., 3) sums of `statistics` to (...)."""
    return sums[..., 0] / sums[..., 2]


def normalised_accuracy(sums: np.ndarray) -> np.ndarray:
    """Share of items whose likeliest choice for its length is right: (..., 3) sums of `statistics` to (...)."""
    return sums[..., 1] / sums[..., 2]
