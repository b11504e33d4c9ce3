"""ROUGE-1, ROUGE-2, ROUGE-L and ROUGE-Lsum F1 (Lin 2004) as Google's `rouge_score` computes them.

With several references, the best F1 counts. ROUGE-L takes the longest common subsequence of the whole text, ROUGE-Lsum
the union over sentences, which are lines.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from tunegrid.metrics.ngrams import count_ngrams
from tunegrid.metrics.subsequence import common_places, longest_common_subsequence

_NOT_A_TOKEN = re.compile(r"[^a-z0-9]+")

Rates = tuple[float, float, float]
"""Recall, precision and F1."""
Tokenize = Callable[[str], Sequence[str]]


def tokenize(text: str) -> list[str]:
    """Find runs of ASCII letters and digits, lower-cased; other scripts give no token, as in `rouge_score`."""
    return _NOT_A_TOKEN.sub(" ", text.lower()).split()


def tokenize_stemmed(text: str) -> list[str]:
    """The same, each token of more than three signs cut to its stem (Porter 1980, with NLTK's extensions)."""
    return [_stem(token) if len(token) > 3 else token for token in tokenize(text)]


@lru_cache(maxsize=1 << 16)
def _stem(token: str) -> str:
    stemmed: str = _stemmer()(token)
    return stemmed


@lru_cache(maxsize=1)
def _stemmer() -> Callable[[str], str]:
    from nltk.stem.porter import PorterStemmer

    stem: Callable[[str], str] = PorterStemmer().stem
    return stem


def recall_precision_f1(matches: float, reference_total: float, answer_total: float) -> Rates:
    """Compute the three rates from counts; all 0 where nothing matches."""
    if not matches:
        return 0.0, 0.0, 0.0
    recall, precision = matches / reference_total, matches / answer_total
    return recall, precision, 2 * recall * precision / (recall + precision)


def rouge_n(answer: Sequence[str], reference: Sequence[str], n: int) -> Rates:
    """The rates of the n-grams, each clipped to its count in the reference."""
    theirs = {ngram: count for ngram, count in count_ngrams(reference, n).items() if len(ngram) == n}
    ours = {ngram: count for ngram, count in count_ngrams(answer, n).items() if len(ngram) == n}
    matches = sum(min(count, theirs.get(ngram, 0)) for ngram, count in ours.items())
    return recall_precision_f1(matches, sum(theirs.values()), sum(ours.values()))


def rouge_lcs(answer: Sequence[str], reference: Sequence[str]) -> Rates:
    """The rates of the longest common subsequence."""
    return recall_precision_f1(longest_common_subsequence(answer, reference), len(reference), len(answer))


def rouge_lsum(answer: Sequence[Sequence[str]], reference: Sequence[Sequence[str]]) -> Rates:
    """The rates of the tokens of `reference` sentences that are common with any sentence of `answer`.

    A token matches at most as often as both texts have it, as in ROUGE 1.5.5.
    """
    free = Counter(token for sentence in answer for token in sentence)
    free &= Counter(token for sentence in reference for token in sentence)
    matches = 0
    for sentence in reference:
        for place in sorted(set().union(*(common_places(other, sentence) for other in answer))):
            if free[sentence[place]]:
                free[sentence[place]] -= 1
                matches += 1
    return recall_precision_f1(matches, sum(map(len, reference)), sum(map(len, answer)))


def _of_text(pair: Callable[[Sequence[str], Sequence[str]], Rates]) -> Callable[[str, str, Tokenize], float]:
    return lambda answer, reference, split: pair(split(answer), split(reference))[2]


def _of_lines(answer: str, reference: str, split: Tokenize) -> float:
    ours, theirs = ([split(line) for line in text.split("\n")] for text in (answer, reference))
    return rouge_lsum(ours, theirs)[2]


_F1 = {
    "rouge1": _of_text(lambda answer, reference: rouge_n(answer, reference, 1)),
    "rouge2": _of_text(lambda answer, reference: rouge_n(answer, reference, 2)),
    "rougeL": _of_text(rouge_lcs),
    "rougeLsum": _of_lines,
}


def statistics(
    answers: Sequence[str], references: Sequence[Sequence[str]], names: Sequence[str], split: Tokenize = tokenize
) -> dict[str, np.ndarray]:
    """For each of `names` (rouge1, rouge2, rougeL, rougeLsum): (instances, 2), an instance's F1 in 0 … 1 and 1."""
    known = lru_cache(maxsize=None)(split)
    pairs = list(zip(answers, references, strict=True))
    return {
        name: np.array(
            [[max(_F1[name](answer, reference, known) for reference in several), 1.0] for answer, several in pairs],
            dtype=np.float64,
        ).reshape(len(pairs), 2)
        for name in names
    }
