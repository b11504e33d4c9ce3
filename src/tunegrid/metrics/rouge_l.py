"""ROUGE-L as the COCO caption scorer computes it: an F-measure with β = 1.2 over the best precision and best recall.

Unlike Lin (2004), precision and recall may come from different references of an instance.
"""

from collections.abc import Sequence

import numpy as np

from tunegrid.metrics.subsequence import longest_common_subsequence

_BETA_SQUARED = 1.2**2


def rouge_l(answer: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Score of one answer in 0 … 1. A text without tokens counts as one empty token, as in the scorer."""
    words = answer or ("",)
    several = [reference or ("",) for reference in references]
    common = [longest_common_subsequence(words, reference) for reference in several]
    precision = max(common) / len(words)
    recall = max(count / len(reference) for count, reference in zip(common, several, strict=True))
    if not precision:
        return 0.0
    return (1 + _BETA_SQUARED) * precision * recall / (recall + _BETA_SQUARED * precision)


def statistics(answers: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> np.ndarray:
    """(instances, 2): the score of an instance and 1; the corpus value is their mean."""
    scores = [rouge_l(answer, several) for answer, several in zip(answers, references, strict=True)]
    return np.array([[score, 1.0] for score in scores], dtype=np.float64).reshape(len(scores), 2)
