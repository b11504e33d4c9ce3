"""METEOR 1.5's score from its sufficient statistics (Denkowski and Lavie 2014; English, task `rank`)."""

import numpy as np

COLUMNS = 23
"""Lengths of answer and reference, function words of each; for each of exact, stem, synonym and paraphrase matches the
content and function words matched (answer's content, reference's content, answer's function, reference's function);
chunks; matched words of answer and reference."""

_ALPHA, _BETA, _GAMMA, _DELTA = 0.85, 0.2, 0.6, 0.75
_WEIGHTS = np.array([1.0, 0.6, 0.8, 0.6])  # exact, stem, synonym, paraphrase


def additive(statistics: np.ndarray) -> np.ndarray:
    """Make statistics of segments, (segments, 23), summable: a perfect segment has no chunks to penalise."""
    stages = statistics[:, 4:20].reshape(-1, 4, 4)
    matched = stages[..., [0, 2]].sum(axis=(1, 2)), stages[..., [1, 3]].sum(axis=(1, 2))
    perfect = (matched[0] == statistics[:, 0]) & (matched[1] == statistics[:, 1]) & (statistics[:, 20] == 1)
    summable = statistics.copy()
    summable[perfect, 20] = 0.0
    return summable


def combine(sums: np.ndarray) -> np.ndarray:
    """METEOR in 0 … 1 from (weighted) sums of `additive` statistics: (..., 23) to (...)."""
    lengths, function_words = sums[..., 0:2], sums[..., 2:4]  # answer, reference
    stages = sums[..., 4:20].reshape(*sums.shape[:-1], 4, 2, 2)  # stage, content or function, answer or reference
    matched = np.einsum("...swt,s,w->...t", stages, _WEIGHTS, np.array([_DELTA, 1 - _DELTA]))
    weighted_length = _DELTA * (lengths - function_words) + (1 - _DELTA) * function_words
    share = _divide(matched, weighted_length)
    precision, recall = share[..., 0], share[..., 1]
    mean = _divide(precision * recall, (1 - _ALPHA) * recall + _ALPHA * precision)
    fragmentation = _divide(sums[..., 20], (sums[..., 21] + sums[..., 22]) / 2)
    return np.maximum(mean * (1 - _GAMMA * fragmentation**_BETA), 0.0)


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """0 where there is nothing to divide by."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
