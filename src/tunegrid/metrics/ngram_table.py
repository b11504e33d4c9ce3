"""The n-grams of all answers and references at once, counted as arrays: what BLEU, NIST and CIDEr share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class NgramTable:
    """How often each n-gram of one length occurs in each text; texts are all answers, then all references.

    An entry is an n-gram in a text. Entries are sorted by text, then by n-gram.
    """

    texts: np.ndarray
    """(entries,) which text, from 0."""
    grams: np.ndarray
    """(entries,) which n-gram, from 0."""
    counts: np.ndarray
    """(entries,) how often it occurs there."""
    prefixes: np.ndarray
    """(n-grams,) the (n − 1)-gram, in the table of those, that each begins with; 0 for single words."""
    instances: np.ndarray
    """(texts,) to which instance each text belongs."""
    answers: int
    """How many of the texts are answers."""

    @property
    def of_answers(self) -> slice:
        """The entries of answers."""
        return slice(0, int(np.searchsorted(self.texts, self.answers)))

    @property
    def of_references(self) -> slice:
        """The entries of references."""
        return slice(self.of_answers.stop, len(self.texts))

    def keys(self, entries: slice) -> np.ndarray:
        """(entries,) one number for each pair of instance and n-gram; ascending for answers."""
        return self.instances[self.texts[entries]] * len(self.prefixes) + self.grams[entries]

    def most_in_references(self) -> tuple[np.ndarray, np.ndarray]:
        """Ascending keys of the n-grams in any reference of an instance, and the largest count of each in one."""
        keys = self.keys(self.of_references)
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=-1))
        if not len(starts):
            return ordered, ordered
        return ordered[starts], np.maximum.reduceat(self.counts[self.of_references][order], starts)

    def matches(self) -> np.ndarray:
        """(entries of answers,) each one's count, clipped to the largest in any one reference of its instance."""
        keys, most = self.most_in_references()
        return np.minimum(self.counts[self.of_answers], looked_up(keys, most, self.keys(self.of_answers)))

    def sum_by_instance(self, values: np.ndarray) -> np.ndarray:
        """Sum (entries of answers,) values: (instances,)."""
        return np.bincount(self.texts[self.of_answers], values, minlength=self.answers)


def looked_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The values at ascending `keys` for each of `wanted`; 0 where it is not among them."""
    if not len(keys):
        return np.zeros(len(wanted))
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)


def ngram_tables(
    answers: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]], longest: int
) -> Iterator[NgramTable]:
    """A table for each n = 1 … `longest` of tokenised answers and references."""
    texts = [*answers, *(reference for several in references for reference in several)]
    owners = np.arange(len(answers))
    instances = np.concatenate([owners, np.repeat(owners, [len(several) for several in references])])
    numbers: dict[str, int] = {}
    words = np.array([numbers.setdefault(token, len(numbers)) for text in texts for token in text], dtype=np.int64)
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    text_of = np.repeat(np.arange(len(texts)), lengths)
    left = np.cumsum(lengths)[text_of] - np.arange(len(words))  # words from each place to the end of its text
    begun = np.zeros(len(words), dtype=np.int64)  # the (n − 1)-gram that begins at each place
    for n in range(1, longest + 1):
        places = np.flatnonzero(left >= n)
        found, begun[places] = np.unique(begun[places] * len(numbers) + words[places + n - 1], return_inverse=True)
        pairs, counts = np.unique(text_of[places] * len(found) + begun[places], return_counts=True)
        size = max(len(found), 1)
        yield NgramTable(pairs // size, pairs % size, counts, found // max(len(numbers), 1), instances, len(answers))
