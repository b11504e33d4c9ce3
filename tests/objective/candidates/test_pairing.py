"""Which response is preferred, by scores and by a simulated person."""

from collections import Counter
from math import exp

import pytest

from tunegrid.objective.pairing import agreement, preferences, probability


def test_without_noise_the_higher_score_is_preferred_and_equal_ones_make_no_pair() -> None:
    assert preferences([1.0, 3.0, 1.0], None, 0) == [(1, 0), (1, 2)]
    assert preferences([2.0, 2.0], None, 0) == [] and preferences([2.0], None, 0) == []


@pytest.mark.parametrize(("gap", "noise"), [(0.0, 1.0), (1.0, 1.0), (-1.0, 0.5), (3.0, 2.0)])
def test_a_simulated_person_prefers_as_often_as_bradley_and_terry_say(gap: float, noise: float) -> None:
    """Of 4,000 comparisons, within three standard errors of the closed form."""
    wanted = exp(gap / noise) / (1 + exp(gap / noise))
    assert probability(gap, noise) == pytest.approx(wanted)
    drawn = Counter(preferences([gap, 0.0], noise, seed)[0] for seed in range(4000))
    assert drawn[0, 1] + drawn[1, 0] == 4000
    assert abs(drawn[0, 1] / 4000 - wanted) < 3 * (wanted * (1 - wanted) / 4000) ** 0.5


def test_however_far_apart_scores_are_nothing_overflows() -> None:
    assert probability(1e6, 1e-3) == 1 and probability(-1e6, 1e-3) == 0
    assert preferences([0.0, 1e9], 1e-3, 0) == [(1, 0)]


def test_pairs_that_are_against_the_scores_do_not_agree_and_ties_do_half() -> None:
    assert agreement([1.0, 2.0, 2.0], [(1, 0), (0, 2), (1, 2)]) == 1.5
    assert agreement([], []) == 0
