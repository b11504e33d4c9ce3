"""Against values by hand and scipy's permutation test."""

import math

import numpy as np
import pytest
from scipy.stats import permutation_test

from tunegrid.errors import DataError
from tunegrid.metrics import Score
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.fairness import by_group, gap


def mean_score(values: np.ndarray) -> Score:
    return Score("accuracy", np.stack([values, np.ones_like(values)], axis=-1))


def test_each_group_has_its_own_score() -> None:
    found = by_group(mean_score(np.array([1.0, 0.0, 0.0, 1.0])), ["b", "a", "b", "b"])
    assert {name: corpus_value(score) for name, score in found.items()} == {"a": 0.0, "b": pytest.approx(2 / 3)}


def test_the_gap_is_the_best_less_the_worst() -> None:
    values = np.array([1.0, 1.0, 0.5, 0.0, 0.2, 0.2])
    found = gap(mean_score(values), list("aabbcc"), resamples=200, seed=0)
    assert found.value == pytest.approx(1.0 - 0.2)


def test_the_p_value_equals_scipys() -> None:
    generator = np.random.default_rng(0)
    values, groups = generator.normal(size=11), ["a"] * 5 + ["b"] * 6
    theirs = permutation_test(
        (values[:5], values[5:]), lambda x, y, axis: np.abs(x.mean(axis=axis) - y.mean(axis=axis)),
        n_resamples=np.inf, alternative="greater",
    ).pvalue  # fmt: skip
    found = gap(mean_score(values), groups, resamples=20_000, seed=0)
    assert found.p_value == pytest.approx(theirs, abs=4 * math.sqrt(theirs * (1 - theirs) / 20_000))


def test_the_interval_is_that_of_a_difference_of_means() -> None:
    generator = np.random.default_rng(1)
    values = np.concatenate([generator.normal(5, 1, size=400), generator.normal(0, 1, size=400)])
    found = gap(mean_score(values), ["a"] * 400 + ["b"] * 400, resamples=2000, seed=0)
    half = 1.96 * math.sqrt(values[:400].var() / 400 + values[400:].var() / 400)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=0.15 * half)
    assert found.p_value == pytest.approx(1 / 2001)


def test_mistakes() -> None:
    score = mean_score(np.ones(3))
    with pytest.raises(DataError, match="a gap needs two groups at least"):
        gap(score, ["a"] * 3, resamples=100, seed=0)
    with pytest.raises(DataError, match="2 groups for 3 instances of accuracy"):
        by_group(score, ["a", "b"])
