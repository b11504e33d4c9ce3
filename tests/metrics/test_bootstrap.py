"""Against closed forms: the normal mean, an enumerated bootstrap, Holm's textbook example."""

import itertools
import math

import numpy as np
import pytest

from tunegrid.errors import DataError
from tunegrid.metrics import Score
from tunegrid.metrics.bootstrap import holm, interval, paired_difference, resample


def mean_score(values: np.ndarray) -> Score:
    return Score("CIDEr", np.stack([values, np.ones_like(values)], axis=-1))


def test_interval_of_a_normal_mean() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, size=2000)
    estimated = interval(mean_score(values), resamples=4000, seed=1)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert estimated.value == pytest.approx(values.mean())
    assert estimated.low == pytest.approx(values.mean() - half, abs=0.05 * half)
    assert estimated.high == pytest.approx(values.mean() + half, abs=0.05 * half)


def test_the_interval_covers_the_truth_in_95_of_100_cases() -> None:
    generator = np.random.default_rng(2)
    covered = 0
    for trial in range(400):
        estimated = interval(mean_score(generator.normal(1.0, 1.0, size=60)), resamples=400, seed=trial)
        covered += estimated.low <= 1.0 <= estimated.high
    assert 0.91 < covered / 400 < 0.98


def test_resamples_follow_the_enumerated_distribution() -> None:
    values = np.array([0.0, 1.0, 5.0])
    sums = [sum(drawn) / 3 for drawn in itertools.product(values, repeat=3)]
    samples = resample(mean_score(values), 60_000, seed=3)
    for value in set(sums):
        expected = sums.count(value) / 27
        assert np.isclose(samples, value).mean() == pytest.approx(expected, abs=4 * math.sqrt(expected / 60_000))


def test_the_same_seed_gives_the_same_interval_and_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    score = mean_score(np.arange(50.0))
    whole = resample(score, 1000, seed=7)
    monkeypatch.setattr("tunegrid.metrics.bootstrap._BLOCK", 50 * 64)
    assert resample(score, 1000, seed=7).tolist() == whole.tolist()
    assert resample(score, 1000, seed=8).tolist() != whole.tolist()


def test_pairing_sees_a_small_constant_difference() -> None:
    values = np.random.default_rng(4).normal(0.0, 10.0, size=300)
    better = mean_score(values + 0.1)
    found = paired_difference([better], [mean_score(values)], resamples=1000, seed=0)
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert found.p_value == pytest.approx(2 / 1001)


def test_paired_difference_of_normals() -> None:
    generator = np.random.default_rng(5)
    first, second = generator.normal(0.0, 1.0, size=(2, 1500))
    found = paired_difference([mean_score(first)], [mean_score(second)], resamples=4000, seed=0)
    half = 1.96 * (first - second).std() / math.sqrt(1500)
    z = abs((first - second).mean()) / (half / 1.96)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.05)
    assert found.p_value == pytest.approx(math.erfc(z / math.sqrt(2)), abs=0.03)


def test_equal_sides_are_no_different() -> None:
    score = mean_score(np.arange(10.0))
    found = paired_difference([score], [score], resamples=500, seed=0)
    assert (found.value, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_repeats_widen_the_interval() -> None:
    base = np.random.default_rng(6).normal(0.0, 1.0, size=400)
    alone = paired_difference([mean_score(base)], [mean_score(base)], resamples=1000, seed=0)
    repeats = [mean_score(base + shift) for shift in (-0.5, 0.0, 0.5)]
    several = paired_difference(repeats, [mean_score(base)], resamples=1000, seed=0)
    assert several.value == pytest.approx(0.0, abs=1e-12)
    # Means of three draws from {-0.5, 0, 0.5}: standard deviation sqrt(1/6)/sqrt(3).
    assert several.high - several.low == pytest.approx(2 * 1.96 * math.sqrt(1 / 18), rel=0.1)
    assert alone.high - alone.low == 0.0


def test_holms_example() -> None:
    # p = .01 .04 .03 .005, times 4 3 2 1 in order of size, made monotone.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).shape == (0,)


def test_sides_must_match() -> None:
    with pytest.raises(DataError, match="one metric on the same instances"):
        paired_difference([mean_score(np.ones(3))], [mean_score(np.ones(4))], resamples=10, seed=0)
    with pytest.raises(DataError, match="no instances"):
        interval(mean_score(np.ones(0)), resamples=10, seed=0)
