import math

import numpy as np
import pytest

from tunegrid.table.student import half_width, p_value, t_quantile, two_sided_p, two_sided_z

TABULATED = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 10: 2.228, 30: 2.042, 120: 1.980}
"""Two-sided 5 % points as printed in statistical tables."""


@pytest.mark.parametrize(("df", "printed"), TABULATED.items())
def test_quantiles_are_those_of_printed_tables(df: int, printed: float):
    assert t_quantile(df) == pytest.approx(printed, abs=5e-4)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 2.5, 40.0])
def test_tail_has_its_closed_form(t: float):
    assert two_sided_p(t, 1) == pytest.approx(1 - 2 / math.pi * math.atan(t))
    assert two_sided_p(t, 2) == pytest.approx(1 - t / math.sqrt(2 + t * t), abs=1e-12)


@pytest.mark.parametrize("df", [3, 6])
def test_tail_agrees_with_simulation(df: int):
    generator = np.random.default_rng(0)
    draws = generator.normal(size=200_000) / np.sqrt(generator.chisquare(df, 200_000) / df)
    assert two_sided_p(1.7, df) == pytest.approx(np.mean(np.abs(draws) >= 1.7), abs=0.003)


def test_half_width_is_normal_without_and_students_with_estimated_variance_alone():
    assert half_width(4.0, 0.0, 0) == pytest.approx(2 * 1.959964)
    assert half_width(0.0, 9.0, 3) == pytest.approx(3 * t_quantile(3))
    assert half_width(4.0, 9.0, 3) == pytest.approx(math.hypot(2 * 1.959964, 3 * t_quantile(3)))


@pytest.mark.parametrize(("known", "estimated", "df"), [(1.0, 0.0, 0), (0.5, 0.5, 3), (0.0, 2.0, 2), (1.0, 0.01, 10)])
@pytest.mark.parametrize("p", [0.2, 0.05, 1e-4])
def test_p_value_is_where_the_interval_reaches_zero(known: float, estimated: float, df: int, p: float):
    reach = half_width(known, estimated, df, 1 - p)
    assert p_value(reach, known, estimated, df) == pytest.approx(p, rel=1e-6)
    assert p_value(-reach, known, estimated, df) == pytest.approx(p, rel=1e-6)


def test_p_value_without_any_noise_says_whether_there_is_a_difference():
    assert p_value(0.0, 0.0, 0.0, 0) == 1.0
    assert p_value(0.1, 0.0, 0.0, 0) == 0.0


def test_z_of_a_vanishing_p_is_finite():
    assert two_sided_z(0.0) == 40.0


@pytest.mark.parametrize("df", [2, 6])
@pytest.mark.parametrize("share_of_seeds", [0.0, 0.3, 0.7, 1.0])
def test_interval_covers_the_truth_for_any_mixture_of_the_two_noises(df: int, share_of_seeds: float):
    generator = np.random.default_rng(1)
    estimated = share_of_seeds * generator.chisquare(df, 4000) / df
    reached = [half_width(1 - share_of_seeds, variance, df) for variance in estimated]
    coverage = np.mean(np.abs(generator.normal(size=4000)) <= reached)
    assert 0.94 <= coverage <= 0.985
