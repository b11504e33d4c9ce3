"""Exact match and token F1 of SQuAD (Rajpurkar et al. 2016), with the official script's normal form of an answer."""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normal_words(text: str) -> list[str]:
    """The words of an answer in lower case, without ASCII punctuation and articles."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def is_same(answer: Sequence[str], reference: Sequence[str]) -> float:
    """1 where both are the same words, else 0."""
    return float(answer == reference)


def token_f1(answer: Sequence[str], reference: Sequence[str]) -> float:
    """F1 of the words in common, each counted as often as both have it; without words 1 if both have none, else 0."""
    common = sum((Counter(answer) & Counter(reference)).values())
    if not answer or not reference:
        return float(answer == reference)
    return 2 * common / (len(answer) + len(reference))


def statistics(
    answers: Sequence[str],
    references: Sequence[Sequence[str]],
    agreement: Callable[[Sequence[str], Sequence[str]], float],
) -> np.ndarray:
    """(instances, 2): the best `agreement` with any reference in 0 … 1, and 1."""
    rows = []
    for answer, several in zip(answers, references, strict=True):
        words = normal_words(answer)
        rows.append([max(agreement(words, normal_words(reference)) for reference in several), 1.0])
    return np.array(rows, dtype=np.float64).reshape(len(rows), 2)
