"""ROUGE-1, ROUGE-2 and ROUGE-L F1 (Lin 2004) with the tokens of Google's `rouge_score` without stemming.

With several references, the best F1 counts. ROUGE-L takes the longest common subsequence of the whole text.
"""

import re
from collections.abc import Sequence

import numpy as np

from tunegrid.metrics.ngrams import count_ngrams
from tunegrid.metrics.rouge_l import longest_common_subsequence

_NOT_A_TOKEN = re.compile(r"[^a-z0-9]+")


def tokenize(text: str) -> list[str]:
    """Find runs of ASCII letters and digits, lower-cased; other scripts give no token, as in `rouge_score`."""
    return _NOT_A_TOKEN.sub(" ", text.lower()).split()


def recall_precision_f1(matches: float, reference_total: float, answer_total: float) -> tuple[float, float, float]:
    """Compute the three rates from counts; all 0 where nothing matches."""
    if not matches:
        return 0.0, 0.0, 0.0
    recall, precision = matches / reference_total, matches / answer_total
    return recall, precision, 2 * recall * precision / (recall + precision)


def rouge_n(answer: Sequence[str], reference: Sequence[str], n: int) -> tuple[float, float, float]:
    """(recall, precision, F1) of the n-grams, each clipped to its count in the reference."""
    theirs = {ngram: count for ngram, count in count_ngrams(reference, n).items() if len(ngram) == n}
    ours = {ngram: count for ngram, count in count_ngrams(answer, n).items() if len(ngram) == n}
    matches = sum(min(count, theirs.get(ngram, 0)) for ngram, count in ours.items())
    return recall_precision_f1(matches, sum(theirs.values()), sum(ours.values()))


def rouge_lcs(answer: Sequence[str], reference: Sequence[str]) -> tuple[float, float, float]:
    """(recall, precision, F1) of the longest common subsequence."""
    return recall_precision_f1(longest_common_subsequence(answer, reference), len(reference), len(answer))


def statistics(answers: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, np.ndarray]:
    """For `rouge1`, `rouge2` and `rougeL`: (instances, 2), an instance's F1 in 0 … 1 and 1."""
    rows: dict[str, list[list[float]]] = {"rouge1": [], "rouge2": [], "rougeL": []}
    for answer, several in zip(answers, references, strict=True):
        words = tokenize(answer)
        pairs = [tokenize(reference) for reference in several]
        rows["rouge1"].append([max(rouge_n(words, reference, 1)[2] for reference in pairs), 1.0])
        rows["rouge2"].append([max(rouge_n(words, reference, 2)[2] for reference in pairs), 1.0])
        rows["rougeL"].append([max(rouge_lcs(words, reference)[2] for reference in pairs), 1.0])
    return {name: np.array(values, dtype=np.float64).reshape(len(values), 2) for name, values in rows.items()}
