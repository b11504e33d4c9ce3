"""Against the enumeration of every exchange, and scipy's permutation test."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import permutation_test

from tunegrid.errors import DataError
from tunegrid.metrics import Score, bleu, correlation
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.randomisation import randomisation_p

SHUFFLES = 20_000


def mean_score(values: np.ndarray) -> Score:
    return Score("CIDEr", np.stack([values, np.ones_like(values)], axis=-1))


def enumerated_p(first: Score, second: Score) -> float:
    """The share of all 2^n exchanges with a difference at least as large."""
    observed = abs(corpus_value(first) - corpus_value(second))
    beyond = 0
    for swaps in itertools.product([False, True], repeat=len(first.statistics)):
        swapped = np.array(swaps)[:, None]
        one = np.where(swapped, second.statistics, first.statistics)
        other = np.where(swapped, first.statistics, second.statistics)
        difference = corpus_value(Score(first.name, one)) - corpus_value(Score(first.name, other))
        beyond += abs(difference) >= observed - 1e-12
    return beyond / 2 ** len(first.statistics)


def test_a_corpus_metric_equals_the_enumeration(random_corpus) -> None:
    answers, references = random_corpus(5, 9)
    worse = [answer[::-1] for answer in answers]
    first, second = (Score("BLEU", bleu.statistics(texts, references, smoothed=True)) for texts in (answers, worse))
    expected = enumerated_p(first, second)
    found = randomisation_p(first, second, shuffles=SHUFFLES, seed=0)
    assert found == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / SHUFFLES))


def test_a_rank_correlation_equals_the_enumeration() -> None:
    generator = np.random.default_rng(0)
    true = generator.normal(size=8)
    first, second = (
        Score("spearman", correlation.statistics(true + noise * generator.normal(size=8), true)) for noise in (0.2, 2.0)
    )
    expected = enumerated_p(first, second)
    found = randomisation_p(first, second, shuffles=SHUFFLES, seed=0)
    assert found == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / SHUFFLES))


def test_means_equal_scipy() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.normal(size=(2, 11))
    theirs = permutation_test(
        (first, second), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", n_resamples=np.inf
    ).pvalue
    ours = randomisation_p(mean_score(first), mean_score(second), shuffles=SHUFFLES, seed=0)
    assert ours == pytest.approx(theirs, abs=4 * math.sqrt(theirs * (1 - theirs) / SHUFFLES))


def test_equal_sides_and_clear_ones() -> None:
    values = np.arange(50.0)
    assert randomisation_p(mean_score(values), mean_score(values), shuffles=200, seed=0) == 1.0
    assert randomisation_p(mean_score(values + 1), mean_score(values), shuffles=199, seed=0) == 1 / 200


def test_what_is_undefined_has_no_p_value() -> None:
    constant = Score("pearson", correlation.statistics(np.ones(5), np.arange(5.0)))
    assert math.isnan(randomisation_p(constant, constant, shuffles=100, seed=0))


def test_sides_must_match() -> None:
    with pytest.raises(DataError, match="CIDEr and CIDEr are not one metric on the same instances"):
        randomisation_p(mean_score(np.ones(3)), mean_score(np.ones(4)), shuffles=10, seed=0)
