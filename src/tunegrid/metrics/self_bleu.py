"""Self-BLEU (Zhu et al. 2018): each answer's BLEU-4 with all other answers as references; high where all are alike.

Sentence BLEU with Chen and Cherry's (2014) smoothing 1: a length without a match counts as 0.1 matches.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from tunegrid.metrics.ngrams import Ngram, count_ngrams

LONGEST = 4
_UNMATCHED = 0.1


def statistics(answers: Sequence[Sequence[str]]) -> np.ndarray:
    """(instances, 2): an answer's BLEU in 0 … 1 against the others, which stay fixed under resampling, and 1.

    At least two answers. In time linear in the number of answers: an n-gram's largest count among the others is that
    of the whole set, unless the answer itself has it, and then the second largest.
    """
    counts = [count_ngrams(answer, LONGEST) for answer in answers]
    most = _two_largest(counts)
    lengths = Counter(len(answer) for answer in answers)
    scores = [_bleu(len(answer), own, most, lengths) for answer, own in zip(answers, counts, strict=True)]
    return np.array([[score, 1.0] for score in scores], dtype=np.float64).reshape(len(scores), 2)


def _two_largest(counts: Sequence[Counter[Ngram]]) -> dict[Ngram, tuple[int, int]]:
    """The two largest counts of each n-gram in any answers; equal where two answers share the largest."""
    most: dict[Ngram, tuple[int, int]] = {}
    for own in counts:
        for ngram, count in own.items():
            first, second = most.get(ngram, (0, 0))
            most[ngram] = (count, first) if count > first else (first, max(second, count))
    return most


def _bleu(length: int, own: Counter[Ngram], most: dict[Ngram, tuple[int, int]], lengths: Counter[int]) -> float:
    matches = [0] * LONGEST
    for ngram, count in own.items():
        first, second = most[ngram]
        matches[len(ngram) - 1] += min(count, second if count == first else first)
    if not matches[0]:
        return 0.0
    totals = (max(length - n, 1) for n in range(LONGEST))
    log_precision = sum(math.log((match or _UNMATCHED) / total) for match, total in zip(matches, totals, strict=True))
    closest = min(_without(lengths, length), key=lambda other: (abs(other - length), other))
    return math.exp(log_precision / LONGEST + min(0.0, 1 - closest / length))


def _without(lengths: Counter[int], own: int) -> list[int]:
    """The lengths of the other answers."""
    return [length for length, count in lengths.items() if length != own or count > 1]
