import math

import pytest

from tunegrid.metrics.cider import statistics


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_coco_scorer(random_corpus, seed: int) -> None:
    coco = pytest.importorskip("pycocoevalcap.cider.cider", reason="pip install 'tunegrid[meteor]'")
    answers, references = random_corpus(seed)
    answers[0] = []
    keys = range(len(answers))
    value, segments = coco.Cider().compute_score(
        {key: [" ".join(text) for text in references[key]] for key in keys},
        {key: [" ".join(answers[key])] for key in keys},
    )
    ours = statistics(answers, references)
    assert ours[:, 0] == pytest.approx(segments, abs=1e-12)
    assert ours[:, 0].mean() == pytest.approx(value, abs=1e-12)


def test_two_words_by_hand() -> None:
    # Only unigrams and one bigram exist; every n-gram is in one of two documents: weight log 2 each, cosine 1 for
    # n = 1, 2 and 0 for n = 3, 4; times 10.
    rows = statistics([["a", "b"], ["c", "d"]], [[["a", "b"]], [["c", "d"]]])
    assert rows[:, 0] == pytest.approx([5.0, 5.0])


def test_length_penalty() -> None:
    # Answer "a" against "a b c d": unigram cosine 1/2, no bigrams against three: exp(-9/72).
    rows = statistics([["a"], ["x"]], [[list("abcd")], [["y"]]])
    assert rows[0, 0] == pytest.approx(10 / 4 * 0.5 * math.exp(-9 / 72))
