"""CIDEr (Vedantam et al. 2015) as the COCO caption scorer computes it: the variant that the paper calls CIDEr-D.

Cosine of tf-idf vectors of n-grams, n = 1 … 4, with counts clipped to the reference's and a Gaussian penalty on the
difference in length (σ = 6), averaged over n and references, times 10.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunegrid.metrics.ngrams import Ngram, count_ngrams

LONGEST = 4
_TWO_SIGMA_SQUARED = 2 * 6.0**2


@dataclass(frozen=True, slots=True)
class _Vector:
    """tf-idf weights of one text."""

    weights: dict[Ngram, float]
    norms: tuple[float, ...]
    """Euclidean norm for each n."""
    length: int
    """Number of bigrams: the length the scorer compares."""


def statistics(answers: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> np.ndarray:
    """(instances, 2): the score of an instance (0 … 10) and 1; the corpus value is their mean.

    The document frequencies come from the references of all instances, so they stay fixed under resampling.
    """
    counts = [[count_ngrams(reference, LONGEST) for reference in several] for several in references]
    documents: Counter[Ngram] = Counter()
    for several in counts:
        documents.update(set().union(*several))
    rarity = {ngram: math.log(len(counts)) - math.log(number) for ngram, number in documents.items()}
    unseen = math.log(len(counts)) if counts else 0.0
    scores = [
        _cider(
            _vector(count_ngrams(answer, LONGEST), rarity, unseen),
            [_vector(count, rarity, unseen) for count in several],
        )
        for answer, several in zip(answers, counts, strict=True)
    ]
    return np.array([[score, 1.0] for score in scores], dtype=np.float64).reshape(len(scores), 2)


def _vector(counts: Counter[Ngram], rarity: dict[Ngram, float], unseen: float) -> _Vector:
    weights = {ngram: count * rarity.get(ngram, unseen) for ngram, count in counts.items()}
    squares = [0.0] * LONGEST
    for ngram, weight in weights.items():
        squares[len(ngram) - 1] += weight * weight
    length = sum(count for ngram, count in counts.items() if len(ngram) == 2)
    return _Vector(weights, tuple(math.sqrt(square) for square in squares), length)


def _cider(answer: _Vector, references: Sequence[_Vector]) -> float:
    return 10 * sum(_similarity(answer, reference) for reference in references) / len(references)


def _similarity(answer: _Vector, reference: _Vector) -> float:
    """Mean over n of the clipped cosines, times the penalty on the difference in length."""
    products = [0.0] * LONGEST
    for ngram, weight in answer.weights.items():
        other = reference.weights.get(ngram)
        if other is not None:
            products[len(ngram) - 1] += min(weight, other) * other
    norms = (one * two for one, two in zip(answer.norms, reference.norms, strict=True))
    cosines = [product / norm if norm else 0.0 for product, norm in zip(products, norms, strict=True)]
    return math.fsum(cosines) / LONGEST * math.exp(-((answer.length - reference.length) ** 2) / _TWO_SIGMA_SQUARED)
