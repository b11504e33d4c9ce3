"""CIDEr (Vedantam et al. 2015): cosine of tf-idf vectors of n-grams, averaged over n = 1 … 4 and references, times 10.

The COCO caption scorer's, and so the E2E scorer's, is the variant that the paper calls CIDEr-D: weights are clipped to
the reference's, and there is a Gaussian penalty on the difference in length (σ = 6).
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tunegrid.metrics.ngrams import Ngram, count_ngrams

LONGEST = 4
_TWO_SIGMA_SQUARED = 2 * 6.0**2


@dataclass(frozen=True, slots=True)
class Vector:
    """tf-idf weights of one text."""

    weights: dict[Ngram, float]
    norms: tuple[float, ...]
    """Euclidean norm for each n."""
    length: int
    """Number of bigrams: the length the scorer compares."""


Similarity = Callable[[Vector, Vector], float]


def statistics(
    answers: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]], similarity: Similarity
) -> np.ndarray:
    """(instances, 2): the score of an instance (0 … 10) and 1; the corpus value is their mean.

    `similarity`: `cosine` for CIDEr, `penalised` for CIDEr-D. The document frequencies come from the references of all
    instances, so they stay fixed under resampling.
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
            similarity,
        )
        for answer, several in zip(answers, counts, strict=True)
    ]
    return np.array([[score, 1.0] for score in scores], dtype=np.float64).reshape(len(scores), 2)


def _vector(counts: Counter[Ngram], rarity: dict[Ngram, float], unseen: float) -> Vector:
    weights = {ngram: count * rarity.get(ngram, unseen) for ngram, count in counts.items()}
    squares = [0.0] * LONGEST
    for ngram, weight in weights.items():
        squares[len(ngram) - 1] += weight * weight
    length = sum(count for ngram, count in counts.items() if len(ngram) == 2)
    return Vector(weights, tuple(math.sqrt(square) for square in squares), length)


def _cider(answer: Vector, references: Sequence[Vector], similarity: Similarity) -> float:
    return 10 * sum(similarity(answer, reference) for reference in references) / len(references)


def cosine(answer: Vector, reference: Vector) -> float:
    """Mean over n of the cosines."""
    return _mean_cosine(answer, reference, lambda weight, other: weight * other)


def penalised(answer: Vector, reference: Vector) -> float:
    """Mean over n of the clipped cosines, times the penalty on the difference in length."""
    clipped = _mean_cosine(answer, reference, lambda weight, other: min(weight, other) * other)
    return clipped * math.exp(-((answer.length - reference.length) ** 2) / _TWO_SIGMA_SQUARED)


def _mean_cosine(answer: Vector, reference: Vector, product: Callable[[float, float], float]) -> float:
    products = [0.0] * LONGEST
    for ngram, weight in answer.weights.items():
        other = reference.weights.get(ngram)
        if other is not None:
            products[len(ngram) - 1] += product(weight, other)
    norms = (one * two for one, two in zip(answer.norms, reference.norms, strict=True))
    cosines = [product / norm if norm else 0.0 for product, norm in zip(products, norms, strict=True)]
    return math.fsum(cosines) / LONGEST
