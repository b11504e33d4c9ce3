"""BLEU-4 (Papineni et al. 2002) as mteval-v13a computes it, and as the E2E scorer's `-p` rewrite does."""

from collections.abc import Sequence

import numpy as np

from tunegrid.metrics.ngram_table import ngram_tables

LONGEST = 4
_TINY_MATCHES, _TINY_TOTAL, _TINY_LENGTH = 1e-15, 1e-9, 1e-5  # the floors of the `-p` rewrite


def statistics(
    answers: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]], *, smoothed: bool
) -> np.ndarray:
    """Additive statistics of tokenised answers against tokenised references.

    `smoothed` is mteval-v13a's rule for n-gram lengths without a match (the k-th such length counts as 1/2^k matches);
    without it, the `-p` rewrite's: such a length counts as 1e-15 matches, and an answer shorter than n counts as
    (length − n + 1) n-grams, which may be negative.

    Returns (instances, 10): clipped matches for n = 1 … 4, n-grams of the answer for n = 1 … 4, the length of the
    reference closest in length (of two equally close the shorter), and 1 where `smoothed` else 0.
    """
    tables = ngram_tables(answers, references, LONGEST)
    matches = [table.sum_by_instance(table.matches()) for table in tables]
    lengths = np.array([len(answer) for answer in answers])
    totals = [np.maximum(lengths - n, 0) if smoothed else lengths - n for n in range(LONGEST)]
    closest = [_closest(answer, several) for answer, several in zip(answers, references, strict=True)]
    return np.stack([*matches, *totals, closest, np.full(len(answers), smoothed)], axis=-1, dtype=np.float64)


def _closest(answer: Sequence[str], references: Sequence[Sequence[str]]) -> int:
    """The length of the reference closest in length, of two equally close ones the shorter."""
    return min((len(reference) for reference in references), key=lambda length: (abs(length - len(answer)), length))


def combine(sums: np.ndarray) -> np.ndarray:
    """BLEU in 0 … 1 from (weighted) sums of `statistics`: (..., 10) to (...)."""
    matches, totals, closest = sums[..., :LONGEST], sums[..., LONGEST : 2 * LONGEST], sums[..., 2 * LONGEST]
    return np.where(
        sums[..., 2 * LONGEST + 1] > 0,
        _smoothed(matches, totals, closest),
        _floored(matches, totals, closest),
    )


def _smoothed(matches: np.ndarray, totals: np.ndarray, closest: np.ndarray) -> np.ndarray:
    length = totals[..., 0]
    unmatched = (matches == 0) & (totals > 0)
    halvings = np.cumsum(unmatched, axis=-1)
    # A length with no n-gram at all adds nothing to the sum of logarithms.
    counted = np.where(totals > 0, np.where(unmatched, 0.5**halvings, matches), 1.0)
    log_precision = np.log(counted / np.where(totals > 0, totals, 1.0)).mean(axis=-1)
    log_penalty = np.minimum(0.0, 1 - closest / np.where(length > 0, length, 1.0))
    return np.where(length > 0, np.exp(log_precision + log_penalty), 0.0)


def _floored(matches: np.ndarray, totals: np.ndarray, closest: np.ndarray) -> np.ndarray:
    length = np.where(totals[..., 0] > 0, totals[..., 0], _TINY_LENGTH)
    precision = np.maximum(matches, _TINY_MATCHES) / np.maximum(totals, _TINY_TOTAL)
    return np.exp(np.log(precision).mean(axis=-1) + np.minimum(0.0, 1 - closest / length))
