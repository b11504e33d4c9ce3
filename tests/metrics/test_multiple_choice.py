"""Multiple choice by likelihood against the conventions of lm-evaluation-harness, written out here."""

import numpy as np
import pytest

from tunegrid.metrics.multiple_choice import accuracy, normalised_accuracy, statistics


def harness(log_likelihoods: list[float], choices: list[str], gold: int) -> tuple[float, float]:
    """`process_results` of its multiple-choice tasks: acc and acc_norm."""
    lengths = np.array([float(len(choice)) for choice in choices])
    return float(np.argmax(log_likelihoods) == gold), float(np.argmax(np.array(log_likelihoods) / lengths) == gold)


def test_a_thousand_random_items_are_scored_as_the_harness_scores_them() -> None:
    draw = np.random.default_rng(0)
    items = [
        (draw.normal(-20, 6, k), draw.integers(1, 30, k), int(draw.integers(k))) for k in draw.integers(2, 6, 1000)
    ]
    found = statistics([own for own, _, _ in items], [sizes for _, sizes, _ in items], [gold for _, _, gold in items])
    expected = [harness(list(own), ["x" * size for size in sizes], gold) for own, sizes, gold in items]
    assert found[:, :2].tolist() == [list(pair) for pair in expected]
    sums = found.sum(axis=0)
    assert [accuracy(sums), normalised_accuracy(sums)] == pytest.approx(np.mean(expected, axis=0))
    assert accuracy(sums) != normalised_accuracy(sums)


def test_a_model_that_cannot_tell_choices_apart_is_worth_a_guess() -> None:
    same = np.full(4, -3.0)
    assert statistics([same, same], [np.ones(4), np.array([1, 2, 2, 1])], [0, 1]).tolist() == [
        [0.25, 0.25, 1.0],
        [0.25, 0.5, 1.0],
    ]


def test_what_is_not_a_number_is_not_right() -> None:
    lost = np.array([np.nan, np.nan])
    assert statistics([lost, np.array([np.nan, -1.0])], [np.ones(2)] * 2, [0, 1])[:, 0].tolist() == [0.0, 1.0]


def test_no_items_keep_the_shape() -> None:
    assert statistics([], [], []).shape == (0, 3)
