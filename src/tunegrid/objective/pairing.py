"""Which of some judged responses is preferred to which."""

from collections.abc import Sequence
from itertools import combinations
from math import tanh

import numpy as np

Preferred = tuple[int, int]
"""The places of the response that is preferred and of the other."""


def preferences(scores: Sequence[float], noise: float | None, seed: int) -> list[Preferred]:
    """Each pair of the responses that `scores` judge, the preferred one first.

    Without `noise` the higher score is preferred, and equal scores make no pair. With it a person is simulated after
    Bradley and Terry 1952: a is preferred to b with probability σ((r_a − r_b) / noise), drawn for every pair.
    """
    generator = np.random.default_rng(seed)
    found = []
    for first, second in combinations(range(len(scores)), 2):
        gap = scores[first] - scores[second]
        if noise is None and gap == 0:
            continue
        likelihood = float(gap > 0) if noise is None else probability(gap, noise)
        found.append((first, second) if generator.random() < likelihood else (second, first))
    return found


def probability(gap: float, noise: float) -> float:
    """That a response is preferred whose score is higher by `gap`: σ(gap / noise)."""
    return 0.5 * (1 + tanh(gap / noise / 2))


def agreement(scores: Sequence[float], preferred: Sequence[Preferred]) -> float:
    """In how many of the pairs the score of the preferred response is the higher one; equal scores count half."""
    return sum(0.5 + 0.5 * float(np.sign(scores[better] - scores[worse])) for better, worse in preferred)
