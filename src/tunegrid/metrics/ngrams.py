"""Counting the n-grams of one text."""

from collections import Counter
from collections.abc import Sequence

Ngram = tuple[str, ...]


def count_ngrams(tokens: Sequence[str], longest: int) -> Counter[Ngram]:
    """How often each n-gram of 1 to `longest` tokens occurs."""
    count: Counter[Ngram] = Counter()
    for n in range(1, longest + 1):
        count.update(zip(*(tokens[start:] for start in range(n)), strict=False))
    return count
