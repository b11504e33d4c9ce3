"""Against scipy on a thousand random cases, and against repeating the instances where they are weighted."""

import math
import random

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from tunegrid.errors import DataError
from tunegrid.metrics import Score, correlation
from tunegrid.metrics.bootstrap import interval, paired_difference
from tunegrid.metrics.combine import corpus_value, measure
from tunegrid.metrics.regression import Regression

NAMES = ("pearson", "spearman")


def values(answers: list[str], references: list[list[str]]) -> dict[str, float]:
    scores = Regression().score(answers, references)
    return {score.name: corpus_value(score) for score in scores if isinstance(score, Score)}


def test_equals_scipy() -> None:
    choose = random.Random(0)
    for case in range(1000):
        count, scale, shift = choose.randint(4, 15), 10.0 ** choose.randint(-6, 6), choose.choice([0.0, 3.0, 1e6])
        grid = choose.choice([3, 50])  # a small one has many equal values
        true = [shift + scale * choose.randint(0, grid) for _ in range(count)]
        guessed = [value + scale * choose.randint(-2, 2) for value in true]
        if len(set(true)) == 1 or len(set(guessed)) == 1:
            continue
        ours = values([repr(value) for value in guessed], [[repr(value)] for value in true])
        tolerance = 1e-12 if shift <= scale else 1e-6
        assert ours["pearson"] == pytest.approx(pearsonr(guessed, true).statistic, abs=tolerance), case
        assert ours["spearman"] == pytest.approx(spearmanr(guessed, true).statistic, abs=1e-12), case


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_is_a_repetition(name: str) -> None:
    generator = np.random.default_rng(1)
    true = generator.integers(0, 6, size=40).astype(float)
    guessed = np.where(generator.random(40) < 0.1, np.nan, true + generator.integers(-2, 3, size=40))
    rows = correlation.statistics(guessed, true)
    weights = generator.integers(0, 4, size=(2, 3, 40))
    found = measure(name).values(weights, rows)
    assert found.shape == (2, 3)
    kept = np.repeat(np.arange(40), weights[1, 2])
    kept = kept[np.isfinite(guessed[kept])]
    reference = {"pearson": pearsonr, "spearman": spearmanr}[name]
    assert found[1, 2] == pytest.approx(reference(guessed[kept], true[kept]).statistic, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_bootstrap_interval_is_fishers(name: str) -> None:
    generator = np.random.default_rng(2)
    x = generator.normal(size=800)
    rows = correlation.statistics(0.6 * x + 0.8 * generator.normal(size=800), x)
    found = interval(Score(name, rows), resamples=1000, seed=0)
    # Bonett and Wright (2000): the variance of Fisher's z is (1 + r²/2)/(n − 3) for ranks.
    deviation = math.sqrt((1 + (found.value**2 / 2 if name == "spearman" else 0)) / 797)
    low, high = (math.tanh(math.atanh(found.value) + sign * 1.96 * deviation) for sign in (-1, 1))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.012)


def test_ranks_are_paired_too() -> None:
    generator = np.random.default_rng(3)
    true = generator.normal(size=300)
    good, bad = (
        Score("spearman", correlation.statistics(true + noise * generator.normal(size=300), true)) for noise in (0.3, 3)
    )
    found = paired_difference([good], [bad], resamples=500, seed=0)
    assert found.value == pytest.approx(corpus_value(good) - corpus_value(bad))
    assert found.p_value < 0.01


def test_constant_numbers_have_no_correlation() -> None:
    found = values(["0.1"] * 5, [["1"], ["2"], ["3"], ["4"], ["5"]])
    assert math.isnan(found["pearson"])
    assert math.isnan(found["spearman"])


def test_answers_that_are_no_numbers_are_counted_apart() -> None:
    found = values(["1", "many", "2.5", "inf", " 4 "], [["1"], ["2"], ["2"], ["3"], ["4", "5"]])
    assert found == pytest.approx({"pearson": pearsonr([1, 2.5, 4], [1, 2, 4.5]).statistic, "spearman": 1.0,
                                   "number_rate": 0.6})  # fmt: skip
    assert math.isnan(values(["a", "b"], [["1"], ["2"]])["spearman"])


def test_references_must_be_numbers() -> None:
    with pytest.raises(DataError, match=r"instance 2: reference 'two' is no number; metrics=regression needs numbers"):
        Regression().score(["1", "2"], [["1"], ["2", "two"]])
