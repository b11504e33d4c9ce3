import math
from collections import Counter

import numpy as np
import pytest

from tunegrid.metrics.cider import statistics


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_coco_scorer(random_corpus, seed: int) -> None:
    coco = pytest.importorskip("pycocoevalcap.cider.cider", reason="pip install 'tunegrid[meteor]'")
    answers, references = random_corpus(seed)
    answers[0] = []
    keys = range(len(answers))
    value, segments = coco.Cider().compute_score(
        {key: [" ".join(text) for text in references[key]] for key in keys},
        {key: [" ".join(answers[key])] for key in keys},
    )
    ours = statistics(answers, references, penalised=True)
    assert ours[:, 0] == pytest.approx(segments, abs=1e-12)
    assert ours[:, 0].mean() == pytest.approx(value, abs=1e-12)


def test_two_words_by_hand() -> None:
    # Only unigrams and one bigram exist; every n-gram is in one of two documents: weight log 2 each, cosine 1 for
    # n = 1, 2 and 0 for n = 3, 4; times 10.
    rows = statistics([["a", "b"], ["c", "d"]], [[["a", "b"]], [["c", "d"]]], penalised=True)
    assert rows[:, 0] == pytest.approx([5.0, 5.0])


def test_length_penalty() -> None:
    # Answer "a" against "a b c d": unigram cosine 1/2, no bigrams against three: exp(-9/72).
    rows = statistics([["a"], ["x"]], [[list("abcd")], [["y"]]], penalised=True)
    assert rows[0, 0] == pytest.approx(10 / 4 * 0.5 * math.exp(-9 / 72))


def dense_cosine(answer: list[str], reference: list[str], documents: list[list[list[str]]], n: int) -> float:
    """The cosine of the paper's equation 2, with a vector over every n-gram that occurs anywhere."""

    def ngrams(text: list[str]) -> list[tuple[str, ...]]:
        return [tuple(text[start : start + n]) for start in range(len(text) - n + 1)]

    everywhere = sorted(
        {ngram for text in (answer, *(t for several in documents for t in several)) for ngram in ngrams(text)}
    )
    containing = [sum(any(ngram in ngrams(text) for text in several) for several in documents) for ngram in everywhere]
    rarity = np.log(len(documents) / np.maximum(containing, 1))
    left, right = (
        np.array([Counter(ngrams(text))[ngram] for ngram in everywhere]) * rarity for text in (answer, reference)
    )
    norm = np.linalg.norm(left) * np.linalg.norm(right)
    return float(left @ right / norm) if norm else 0.0


def test_without_the_penalty_it_is_the_papers_equation(random_corpus) -> None:
    answers, references = random_corpus(3, 6)
    rows = statistics(answers, references, penalised=False)
    for index, (answer, several) in enumerate(zip(answers, references, strict=True)):
        cosines = [dense_cosine(answer, text, references, n) for n in range(1, 5) for text in several]
        assert rows[index, 0] == pytest.approx(10 * np.mean(cosines), abs=1e-9)
