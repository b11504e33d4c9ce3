"""Distinct-n (Li et al. 2016): how many of the n-grams in a set of answers are different ones."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tunegrid.metrics.ngrams import Ngram


def statistics(answers: Sequence[Sequence[str]], n: int) -> np.ndarray:
    """(instances, 2): an answer's share in the different n-grams of the whole set, and its number of n-grams.

    An n-gram that occurs c times in the set gives each occurrence 1/c, so that the shares add up to the number of
    different n-grams, and their sum over all n-grams is distinct-n. The counts stay fixed under resampling: a sample
    with repetitions would have fewer different n-grams than the set it stands for.
    """
    ngrams = [_ngrams(answer, n) for answer in answers]
    everywhere = Counter(ngram for own in ngrams for ngram in own)
    rows = [[sum(1 / everywhere[ngram] for ngram in own), len(own)] for own in ngrams]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 2)


def _ngrams(answer: Sequence[str], n: int) -> list[Ngram]:
    return list(zip(*(answer[start:] for start in range(n)), strict=False))
