"""Intervals and comparisons against closed forms, and against the truth in simulated sweeps."""

import numpy as np
import pytest
from table.synthetic_cells import mean_statistics

from tunegrid.metrics.combine import measure
from tunegrid.table.student import t_quantile
from tunegrid.table.uncertainty import Repeats, estimate_column, pooled_noise

MEAN = measure("ROUGE_L")
TRUTH = 0.5


def rows_of(values: np.ndarray, deterministic: tuple[int, ...] = ()) -> list[Repeats]:
    """Rows from an array (rows, seeds, items)."""
    return [
        Repeats(tuple(mean_statistics(items) for items in row), index in deterministic)
        for index, row in enumerate(values)
    ]


def simulated(
    generator: np.random.Generator, shape: tuple[int, int, int], noise: tuple[float, float, float]
) -> np.ndarray:
    """(rows, seeds, items) with standard deviations of items, seeds, and items × seeds; the true mean is `TRUTH`."""
    rows, seeds, items = shape
    of_items, of_seeds, of_both = noise
    values = (
        TRUTH + of_items * generator.normal(size=(1, 1, items)) + of_seeds * generator.normal(size=(rows, seeds, 1))
    )
    return values + of_both * generator.normal(size=shape)


def test_one_seed_gives_the_normal_interval_of_a_mean():
    values = np.random.default_rng(0).normal(size=400)
    column = estimate_column(rows_of(values[None, None]), MEAN, resamples=20_000)
    assert column.estimates[0].value == pytest.approx(values.mean())
    assert column.estimates[0].half_width == pytest.approx(1.959964 * values.std() / 20, rel=0.02)
    assert column.noise.degrees == 0


def test_seed_noise_is_pooled_over_rows_by_hand():
    values = [np.array([0.5, 0.7]), np.array([0.1, 0.2, 0.3]), np.array([0.9]), np.array([0.4, 0.4])]
    rows = [Repeats(tuple(mean_statistics([v]) for v in value), index == 3) for index, value in enumerate(values)]
    noise = pooled_noise(rows, values, [np.tile(value, (5, 1)) for value in values], 1.0)
    assert noise.degrees == 3  # (2 − 1) + (3 − 1); one seed and the untrained row add nothing
    assert noise.variance == pytest.approx((0.02 + 0.02) / 3)
    assert noise.interaction == 0.0


def test_items_without_variance_leave_students_interval_of_the_seeds():
    values = np.array([[[0.5] * 10, [0.7] * 10], [[0.1] * 10, [0.2] * 10]])
    column = estimate_column(rows_of(values), MEAN)
    pooled = (0.02 + 0.005) / 2
    assert column.estimates[0].value == pytest.approx(0.6)
    assert column.estimates[0].half_width == pytest.approx(t_quantile(2) * np.sqrt(pooled / 2))


def test_untrained_row_has_no_seed_noise():
    values = np.array([[[0.3] * 10, [0.3] * 10], [[0.5] * 10, [0.7] * 10], [[0.1] * 10, [0.2] * 10]])
    column = estimate_column(rows_of(values, deterministic=(0,)), MEAN)
    assert column.estimates[0].half_width == pytest.approx(0.0, abs=1e-12)
    assert column.noise.degrees == 2


def test_shared_items_make_small_differences_visible():
    generator = np.random.default_rng(0)
    easy = generator.normal(size=200)
    values = np.stack([easy, easy + 0.05 + 0.01 * generator.normal(size=200)])[:, None]
    column = estimate_column(rows_of(values), MEAN)
    assert column.estimates[0].half_width > 0.1  # the two intervals overlap almost entirely
    assert column.p_values[0, 1] < 1e-6


def test_all_pairs_of_a_column_are_corrected_together():
    generator = np.random.default_rng(3)
    values = generator.normal(size=(3, 1, 300)) + np.array([0.0, 0.1, 0.3])[:, None, None]
    column = estimate_column(rows_of(values), MEAN)
    two = estimate_column(rows_of(values[[0, 2]]), MEAN)
    assert 1e-12 < two.p_values[0, 1] < 0.05
    assert column.p_values[0, 2] == pytest.approx(3 * two.p_values[0, 1])  # the smallest of three, by Holm


NOISES = {"items": (0.3, 0.0, 0.0), "seeds": (0.1, 0.05, 0.1), "both": (0.2, 0.03, 0.2), "interaction": (0.0, 0.0, 0.3)}


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_coverage_is_near_95_percent(noise: tuple[float, float, float]):
    generator = np.random.default_rng(7)
    hits, total = 0, 0
    for _ in range(400):
        column = estimate_column(rows_of(simulated(generator, (4, 2, 80), noise)), MEAN, resamples=400)
        hits += sum(abs(entry.value - TRUTH) <= entry.half_width for entry in column.estimates)
        total += 4
    assert 0.93 <= hits / total <= 0.985


@pytest.mark.parametrize(("rows", "trials", "most"), [(2, 1000, 0.07), (8, 400, 0.05)])
def test_equal_rows_are_seldom_called_different_from_the_best(rows: int, trials: int, most: float):
    """Two rows are one exact test: 5 %, give or take three standard errors of 1000 trials. More rows have it easier."""
    generator = np.random.default_rng(11)
    false_alarms = 0
    for _ in range(trials):
        column = estimate_column(rows_of(simulated(generator, (rows, 2, 80), (0.2, 0.03, 0.2))), MEAN, resamples=400)
        best = int(np.argmax([entry.value for entry in column.estimates]))
        false_alarms += bool((np.delete(column.p_values[best], best) <= 0.05).any())
    assert false_alarms / trials <= most


def test_a_clearly_worse_row_is_found():
    generator = np.random.default_rng(5)
    found = 0
    for _ in range(50):
        values = simulated(generator, (6, 2, 80), (0.2, 0.01, 0.1))
        values[0] -= 0.1
        column = estimate_column(rows_of(values), MEAN, resamples=400)
        best = int(np.argmax([entry.value for entry in column.estimates]))
        found += column.p_values[best, 0] <= 0.05
    assert found >= 45
