"""NIST-5 (Doddington 2002) as the E2E scorer's mteval-v13a computes it, and as its `-p` rewrite does.

The two differ in one number, the mean length of the references, which the length penalty compares the answers with.
The Perl script takes the mean over all references of the set, so that an instance with many references weighs more; the
rewrite takes the mean within each instance first. They agree when every instance has as many references or when the
answers are longer than both means.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tunegrid.metrics.ngram_table import NgramTable, ngram_tables

LONGEST = 5
_BETA = -math.log(0.5) / math.log(1.5) ** 2  # the penalty is one half at two thirds of the length


def statistics(
    answers: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]], *, pool_references: bool
) -> np.ndarray:
    """Additive statistics of tokenised answers against tokenised references.

    The information of an n-gram comes from the whole reference set, so it stays fixed when instances are resampled.
    `pool_references` takes the mean reference length over all references (Perl), else over instances (`-p`).

    Returns (instances, 13): information of the matches for n = 1 … 5, n-grams of the answer for n = 1 … 5, a summed
    reference length, the number of references it sums (1 where a mean was taken), and 1 for the instance.
    """
    matched = list(_matched_information(ngram_tables(answers, references, LONGEST)))
    lengths = np.array([len(answer) for answer in answers])
    totals = [np.maximum(lengths - n, 0) if pool_references else lengths - n for n in range(LONGEST)]
    several = np.array([len(own) for own in references])
    summed = np.array([sum(map(len, own)) for own in references])
    pooled = [summed, several] if pool_references else [summed / several, np.ones_like(several)]
    return np.stack([*matched, *totals, *pooled, np.ones(len(answers))], axis=-1, dtype=np.float64)


def _matched_information(tables: Iterable[NgramTable]) -> Iterator[np.ndarray]:
    """For each n, the information of each answer's matches, (instances,).

    An n-gram's information is log2(count of all but its last word / its count), over every reference of the set.
    """
    shorter: np.ndarray | None = None
    for table in tables:
        entries = table.of_references
        counts = np.bincount(table.grams[entries], table.counts[entries], minlength=len(table.prefixes))
        of_prefix = np.full(len(counts), counts.sum()) if shorter is None else shorter[table.prefixes]
        known = counts > 0
        information = np.zeros(len(counts))
        information[known] = np.log2(of_prefix[known] / counts[known])
        yield table.sum_by_instance(information[table.grams[table.of_answers]] * table.matches())
        shorter = counts


def combine(sums: np.ndarray) -> np.ndarray:
    """NIST (0 and more) from (weighted) sums of `statistics`: (..., 13) to (...)."""
    information, totals = sums[..., :LONGEST], sums[..., LONGEST : 2 * LONGEST]
    score = np.where(totals > 0, information / np.where(totals > 0, totals, 1.0), 0.0).sum(axis=-1)
    reference_length = sums[..., -3] / sums[..., -2] * sums[..., -1]
    ratio = np.clip(totals[..., 0] / np.maximum(reference_length, 1e-9), 1e-9, 1.0)
    return score * np.exp(-_BETA * np.log(ratio) ** 2)
