"""chrF and chrF++ (Popović 2015, 2017), 0 … 100, as sacrebleu computes them: F₂ of character n-grams, n = 1 … 6."""

from collections.abc import Sequence

import numpy as np

_BETA_SQUARED = 2.0**2


def statistics(answers: Sequence[str], references: Sequence[Sequence[str]], word_order: int) -> np.ndarray:
    """(instances, 3 · (6 + word_order)): for each n, n-grams of the answer, of its best reference, and in both.

    `word_order` 0 is chrF, 2 is chrF++, which counts words and pairs of words too.
    """
    from sacrebleu.metrics import CHRF

    scorer = CHRF(word_order=word_order)
    # What sacrebleu's own bootstrap sums; a corpus score has no public way to its segments' counts.
    rows = [
        scorer._extract_corpus_statistics([answer], [[reference] for reference in several])[0]
        for answer, several in zip(answers, references, strict=True)
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 3 * (6 + word_order))


def combine(sums: np.ndarray) -> np.ndarray:
    """The score in 0 … 100 from (weighted) sums of `statistics`; an n that one side is too short for is left out."""
    ours, theirs, both = np.moveaxis(sums.reshape(*sums.shape[:-1], -1, 3), -1, 0)  # (..., orders) each
    counted = (ours > 0) & (theirs > 0)
    orders = np.maximum(counted.sum(axis=-1), 1)
    precision = np.divide(both, ours, out=np.zeros_like(both), where=counted).sum(axis=-1) / orders
    recall = np.divide(both, theirs, out=np.zeros_like(both), where=counted).sum(axis=-1) / orders
    total = _BETA_SQUARED * precision + recall
    return 100 * (1 + _BETA_SQUARED) * precision * recall / np.where(total > 0, total, 1.0)
