"""Accuracy by class: macro-averaged F1 and the Matthews correlation, from counts of hits, answers and labels."""

from collections.abc import Sequence

import numpy as np


def statistics(answers: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """(instances, 3 · (C + 1)) for C classes, those among `labels` in order of the alphabet.

    Three blocks: where the answer is right, the class it names, the class that is right. The last class of a block
    is an answer that names no class: it is nobody's label, so it only misses.
    """
    classes = {label: place for place, label in enumerate(sorted(set(labels)))}
    rows = np.zeros((len(answers), 3, len(classes) + 1))
    for row, answer, label in zip(rows, answers, labels, strict=True):
        named, right = classes.get(answer, len(classes)), classes[label]
        row[0, right] = float(named == right)
        row[1, named] = row[2, right] = 1.0
    return rows.reshape(len(answers), 3 * (len(classes) + 1))


def _blocks(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hits, answers and labels by class: three of (..., C + 1)."""
    hits, named, right = np.split(sums, 3, axis=-1)
    return hits, named, right


def macro_f1(sums: np.ndarray) -> np.ndarray:
    """Mean F1 over the classes that occur, in 0 … 1, from (weighted) sums of `statistics`."""
    hits, named, right = (block[..., :-1] for block in _blocks(sums))
    total = named + right
    f1 = np.divide(2 * hits, total, out=np.zeros_like(total), where=total > 0)
    return f1.sum(axis=-1) / (total > 0).sum(axis=-1)


def matthews(sums: np.ndarray) -> np.ndarray:
    """Matthews correlation in −1 … 1, for several classes as Gorodkin (2004) extends it; 0 where it is undefined."""
    hits, named, right = _blocks(sums)
    count = right.sum(axis=-1)
    covariance = count * hits.sum(axis=-1) - (named * right).sum(axis=-1)
    spreads = (count**2 - (named**2).sum(axis=-1)) * (count**2 - (right**2).sum(axis=-1))
    return np.divide(covariance, np.sqrt(spreads), out=np.zeros_like(covariance), where=spreads > 0)


def kappa(sums: np.ndarray) -> np.ndarray:
    """Cohen's kappa in −1 … 1 from (weighted) sums of `statistics`, answers and labels being two raters'.

    1 is agreement on everything, 0 what chance would make of how often each names each class; nan where both name one.
    """
    hits, named, right = _blocks(sums)
    count = right.sum(axis=-1)
    chance = (named * right).sum(axis=-1)
    varies = count**2 > chance
    return np.divide(
        count * hits.sum(axis=-1) - chance, count**2 - chance, out=np.full_like(chance, np.nan), where=varies
    )
