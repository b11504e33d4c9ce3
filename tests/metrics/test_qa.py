"""Against torchmetrics' copy of the official SQuAD script."""

import random

import pytest
from torchmetrics.functional.text import squad as torchmetrics_squad

from tunegrid.metrics import Score, squad
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.qa import Qa

PIECES = ["the", "The", "a", "an", "Ann", "42", "42,", "U.S.", "us", "'tis", "(maybe)", "café", "", "-", "the-end"]


def test_equals_torchmetrics() -> None:
    choose = random.Random(0)
    answers, references = [], []
    for _ in range(1000):
        answers.append(" ".join(choose.choices(PIECES, k=choose.randint(0, 5))))
        references.append(
            [" ".join(choose.choices(PIECES, k=choose.randint(0, 5))) for _ in range(choose.randint(1, 3))]
        )
    exact, f1 = (score.statistics[:, 0] for score in Qa().score(answers, references) if isinstance(score, Score))
    for index, (answer, several) in enumerate(zip(answers, references, strict=True)):
        theirs = torchmetrics_squad(
            {"prediction_text": answer, "id": "0"},
            {"answers": {"answer_start": [0] * len(several), "text": several}, "id": "0"},
        )
        assert 100 * exact[index] == pytest.approx(theirs["exact_match"].item()), (answer, several)
        assert 100 * f1[index] == pytest.approx(theirs["f1"].item(), rel=1e-6), (answer, several)


def test_articles_punctuation_and_case_are_nothing() -> None:
    scores = {score.name: corpus_value(score) for score in Qa().score(["The U.S.!"], [["France", "us"]])}
    assert scores == {"squad_exact": 1.0, "squad_f1": 1.0}


def test_a_word_counts_as_often_as_both_have_it() -> None:
    assert squad.token_f1(["b", "b", "c"], ["b"]) == pytest.approx(2 * 1 / (3 + 1))
    assert squad.token_f1([], []) == 1.0
    assert squad.token_f1([], ["b"]) == squad.token_f1(["b"], []) == 0.0
