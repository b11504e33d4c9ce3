"""Counting n-grams, which BLEU, NIST, CIDEr and ROUGE share."""

from collections import Counter
from collections.abc import Iterable, Sequence

Ngram = tuple[str, ...]


def count_ngrams(tokens: Sequence[str], longest: int) -> Counter[Ngram]:
    """How often each n-gram of 1 to `longest` tokens occurs."""
    count: Counter[Ngram] = Counter()
    for n in range(1, longest + 1):
        count.update(zip(*(tokens[start:] for start in range(n)), strict=False))
    return count


def most_in_any(counts: Iterable[Counter[Ngram]]) -> Counter[Ngram]:
    """For each n-gram, its largest count in any one of `counts`: what a clipped match may reach."""
    most: Counter[Ngram] = Counter()
    for count in counts:
        most |= count
    return most
