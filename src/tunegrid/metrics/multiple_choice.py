"""Multiple choice by likelihood: the choice a model finds likeliest is its answer (Brown et al. 2020, section 2.4)."""

from collections.abc import Sequence

import numpy as np


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
