"""Against a count by hand and NLTK's sentence BLEU."""

import random

import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from tunegrid.metrics import Score, Unavailable, distinct, self_bleu
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.diversity import Diversity


def random_answers(choose: random.Random) -> list[list[str]]:
    return [choose.choices("abcdef", k=choose.randint(1, 9)) for _ in range(choose.randint(2, 7))]


def test_distinct_is_different_ngrams_over_all() -> None:
    choose = random.Random(0)
    for _ in range(1000):
        answers, n = random_answers(choose), choose.randint(1, 3)
        ngrams = [tuple(text[k : k + n]) for text in answers for k in range(len(text) - n + 1)]
        if ngrams:
            ours = corpus_value(Score(f"distinct{n}", distinct.statistics(answers, n)))
            assert ours == pytest.approx(len(set(ngrams)) / len(ngrams), abs=1e-12)


@pytest.mark.filterwarnings("ignore:\\s*The hypothesis contains 0 counts")
def test_self_bleu_equals_nltk() -> None:
    choose = random.Random(0)
    smoothing = SmoothingFunction().method1
    compared = 0
    while compared < 1000:
        answers = random_answers(choose)
        for index, score in enumerate(self_bleu.statistics(answers)[:, 0]):
            others = answers[:index] + answers[index + 1 :]
            assert score == pytest.approx(
                sentence_bleu(others, answers[index], smoothing_function=smoothing), abs=1e-12
            )
            compared += 1


def test_the_option_gives_all_four() -> None:
    scores = Diversity().score(["the same words here", "The same words here"], [["x"], ["y"]])
    values = {score.name: corpus_value(score) for score in scores if isinstance(score, Score)}
    assert values == pytest.approx({"distinct1": 0.5, "distinct2": 0.5, "distinct3": 0.5, "self_bleu": 1.0})


def test_one_answer_has_no_others() -> None:
    scores = Diversity().score(["alone"], [["x"]])
    assert Unavailable("self_bleu", "compares answers with each other; give at least two") in scores
