"""Texts that are in the data twice, exactly or nearly: MinHash over word shingles (Broder 1997), banded.

Exact copies have the same words in the same order, whatever the case, punctuation and spaces. Near copies have at least
four fifths of all their shingles of three words in common; they are looked for at the first text of each of 16 buckets,
which finds nearly all that there are, in time that grows with the number of texts alone.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunegrid.data.draw import Draw

NEAR = 0.8
"""Share of shingles (Jaccard's) from which on two texts are near copies."""
WORDS = 3
"""Of a shingle; a shorter text is one shingle."""
BANDS, DEEP = 16, 4
_WORD = re.compile(r"[\u3040-\u9fff]|[^\W\u3040-\u9fff]+")  # each sign of a script without spaces is a word
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Copies:
    """Which texts are copies of an earlier one."""

    exact: list[tuple[int, int]]
    """(copy, original) by index."""
    near: list[tuple[int, int]]


def duplicates(texts: Sequence[str]) -> Copies:
    """Every text that is there earlier in the list."""
    return _copies(texts, known=None)


def leaked(training: Sequence[str], test: Sequence[str]) -> Copies:
    """Every text of `test` that is in `training`; indices count within each."""
    found = _copies([*training, *test], known=len(training))
    return Copies(*([(copy - len(training), of) for copy, of in pairs] for pairs in (found.exact, found.near)))


def _copies(texts: Sequence[str], known: int | None) -> Copies:
    """Copies of texts before number `known`, which are no copies themselves; None: of any earlier text."""
    words = [tuple(_WORD.findall(unicodedata.normalize("NFKC", text).casefold())) for text in texts]
    first: dict[tuple[str, ...], int] = {}
    exact: list[tuple[int, int]] = []
    for place, own in enumerate(words):
        original = first.get(own) if known is not None and place >= known else first.setdefault(own, place)
        if original is not None and original != place and (known is None or place >= known):
            exact.append((place, original))
    known_exact = {place for place, _ in exact}
    return Copies(exact, [pair for pair in _near(words, known) if pair[0] not in known_exact])


def _near(words: Sequence[tuple[str, ...]], known: int | None) -> list[tuple[int, int]]:
    shingles, starts = _shingles(words)
    signatures = _signatures(shingles, starts)  # (BANDS * DEEP, texts)
    found: dict[int, int] = {}
    for band in signatures.reshape(BANDS, DEEP, -1):
        _, begins, buckets = np.unique(_mixed(band), return_index=True, return_inverse=True)
        originals = begins[buckets]  # the first text of each text's bucket
        alike = (signatures == signatures[:, originals]).mean(axis=0) >= NEAR - 0.15  # two standard errors of 64
        for place in np.flatnonzero(alike & (originals != np.arange(len(words)))).tolist():
            original = int(originals[place])
            wanted = place not in found and (known is None or original < known <= place)
            if wanted and _jaccard(shingles, starts, place, original) >= NEAR:
                found[place] = original
    return sorted(found.items())


def _shingles(words: Sequence[tuple[str, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of all shingles, text after text, (shingles,) uint64, and where each text's begin, (texts + 1,)."""
    numbers: dict[str, int] = {}
    padded = [own + ("",) * (WORDS - len(own)) for own in words]
    ids = np.array([numbers.setdefault(word, len(numbers)) for own in padded for word in own], np.uint64) + np.uint64(1)
    counts = np.array([len(own) - WORDS + 1 for own in padded], np.int64)
    ends = np.cumsum(counts + WORDS - 1)
    hashes = _mixed(np.stack([ids[offset : len(ids) - WORDS + 1 + offset] for offset in range(WORDS)]))
    inside = np.ones(len(hashes), bool)
    for offset in range(WORDS - 1):
        inside[ends[:-1] - 1 - offset] = False  # these would reach into the next text
    return hashes[inside], np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


def _signatures(shingles: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """(BANDS * DEEP, texts) uint64: of each hash function the least value among a text's shingles."""
    draw = Draw("minhash")
    rows = []
    for _ in range(BANDS * DEEP):
        factor, summand = (np.uint64(draw.below(1 << 32) << 32 | draw.below(1 << 32)) for _ in range(2))
        mixed = shingles * (factor | np.uint64(1)) + summand
        rows.append(np.minimum.reduceat(mixed ^ (mixed >> np.uint64(29)), starts[:-1]))
    return np.stack(rows)


def _mixed(columns: np.ndarray) -> np.ndarray:
    """(k, n) uint64 to (n,): one hash of each column."""
    result = np.zeros(columns.shape[1], np.uint64)
    for row in columns:
        result = (result ^ row) * _MULTIPLIER
        result ^= result >> np.uint64(32)
    return result


def _jaccard(shingles: np.ndarray, starts: np.ndarray, one: int, other: int) -> float:
    first, second = (set(shingles[starts[text] : starts[text + 1]].tolist()) for text in (one, other))
    return len(first & second) / len(first | second)
