"""Against scikit-learn, and against the definitions on a thousand random cases."""

import random
from collections.abc import Iterator

import numpy as np
import pytest
from sklearn import config_context
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from tunegrid.errors import DataError
from tunegrid.metrics import Score
from tunegrid.metrics.classification import Classification
from tunegrid.metrics.combine import corpus_value


def values(answers: list[str], labels: list[str]) -> dict[str, float]:
    scores = Classification().score(answers, [[label] for label in labels])
    return {score.name: corpus_value(score) for score in scores if isinstance(score, Score)}


def random_cases(count: int) -> Iterator[tuple[list[int], list[int]]]:
    """(answers, labels); 9 is an answer that is nobody's label."""
    choose = random.Random(0)
    for _ in range(count):
        classes = range(choose.randint(2, 5))
        labels = choose.choices(classes, k=choose.randint(2, 12))
        answers = [choose.choice([label, *classes]) for label in labels]
        yield [answer if answer in labels else 9 for answer in answers], labels


def named(classes: list[int]) -> list[str]:
    return [f"c{place}" for place in classes]


@config_context(skip_parameter_validation=True, assume_finite=True)
def test_equals_scikit_learn() -> None:
    for answers, labels in random_cases(100):
        ours = values(named(answers), named(labels))
        macro = f1_score(labels, answers, labels=sorted(set(labels)), average="macro", zero_division=0)
        assert ours["accuracy"] == pytest.approx(accuracy_score(labels, answers), abs=1e-12)
        assert ours["macro_f1"] == pytest.approx(macro, abs=1e-12)
        if len({*labels, *answers}) > 1:  # scikit-learn warns of a single class
            assert ours["matthews"] == pytest.approx(matthews_corrcoef(labels, answers), abs=1e-12)


def test_equals_the_definitions() -> None:
    for answers, labels in random_cases(1000):
        ours = values(named(answers), named(labels))
        f1 = []
        for place in set(labels):
            hits = sum(answer == label == place for answer, label in zip(answers, labels, strict=True))
            f1.append(2 * hits / (answers.count(place) + labels.count(place)))
        assert ours["macro_f1"] == pytest.approx(np.mean(f1), abs=1e-12)
        left, right = (np.eye(10)[classes] - np.eye(10)[classes].mean(axis=0) for classes in (answers, labels))
        spread = np.sqrt((left * left).sum() * (right * right).sum())
        expected = (left * right).sum() / spread if spread > 1e-9 else 0.0  # the covariance of indicators
        assert ours["matthews"] == pytest.approx(expected, abs=1e-12)


def test_case_and_white_space_are_nothing() -> None:
    assert values([" Positive\n", "NEGATIVE"], ["positive", "negative"]) == {
        "accuracy": 1.0,
        "macro_f1": 1.0,
        "matthews": 1.0,
    }


def test_a_constant_answer_is_no_correlation() -> None:
    found = values(["yes"] * 4, ["yes", "yes", "yes", "no"])
    assert found == pytest.approx({"accuracy": 0.75, "macro_f1": (6 / 7) / 2, "matthews": 0.0})


def test_an_instance_has_one_label() -> None:
    with pytest.raises(DataError, match=r"instance 2 has several labels \(a, b\); give one"):
        Classification().score(["a", "a"], [["a", "A "], ["a", "b"]])
