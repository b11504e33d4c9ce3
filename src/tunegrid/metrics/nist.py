"""NIST-5 (Doddington 2002) as the E2E scorer's mteval-v13a computes it, and as its `-p` rewrite does.

The two differ in one number, the mean length of the references, which the length penalty compares the answers with.
The Perl script takes the mean over all references of the set, so that an instance with many references weighs more; the
rewrite takes the mean within each instance first. They agree when every instance has as many references or when the
answers are longer than both means.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from tunegrid.metrics.ngrams import Ngram, count_ngrams, most_in_any

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
    counts = [[count_ngrams(reference, LONGEST) for reference in several] for several in references]
    information = _information(counts)
    rows = []
    for answer, several, own in zip(answers, references, counts, strict=True):
        lengths = [len(reference) for reference in several]
        pooled = [sum(lengths), len(lengths)] if pool_references else [sum(lengths) / len(lengths), 1]
        totals = [max(len(answer) - n, 0) if pool_references else len(answer) - n for n in range(LONGEST)]
        rows.append([*_matched_information(answer, own, information), *totals, *pooled, 1])
    return np.array(rows, dtype=np.float64).reshape(len(rows), 2 * LONGEST + 3)


def _information(counts: Sequence[Sequence[Counter[Ngram]]]) -> dict[Ngram, float]:
    """log2(count of all but the last word / count of the n-gram), over every reference of the set."""
    everywhere: Counter[Ngram] = Counter()
    for several in counts:
        for count in several:
            everywhere.update(count)
    words = sum(count for ngram, count in everywhere.items() if len(ngram) == 1)
    return {ngram: math.log2(everywhere.get(ngram[:-1], words) / count) for ngram, count in everywhere.items()}


def _matched_information(
    answer: Sequence[str], references: Sequence[Counter[Ngram]], information: dict[Ngram, float]
) -> list[float]:
    allowed = most_in_any(references)
    matched = [0.0] * LONGEST
    for ngram, count in count_ngrams(answer, LONGEST).items():
        if ngram in allowed:
            matched[len(ngram) - 1] += information[ngram] * min(count, allowed[ngram])
    return matched


def combine(sums: np.ndarray) -> np.ndarray:
    """NIST (0 and more) from (weighted) sums of `statistics`: (..., 13) to (...)."""
    information, totals = sums[..., :LONGEST], sums[..., LONGEST : 2 * LONGEST]
    score = np.where(totals > 0, information / np.where(totals > 0, totals, 1.0), 0.0).sum(axis=-1)
    reference_length = sums[..., -3] / sums[..., -2] * sums[..., -1]
    ratio = np.clip(totals[..., 0] / np.maximum(reference_length, 1e-9), 1e-9, 1.0)
    return score * np.exp(-_BETA * np.log(ratio) ** 2)
