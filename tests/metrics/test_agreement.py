"""Against the krippendorff package, scikit-learn, and the worked example of Krippendorff (2011)."""

import math
import random
import warnings

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from tunegrid.metrics import Score, class_counts
from tunegrid.metrics.agreement import coincidences, interval_statistics
from tunegrid.metrics.combine import corpus_value, measure

NAN = math.nan
# Krippendorff (2011), section C: four observers, twelve units, some values missing.
EXAMPLE = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)
LEVELS = {"nominal": coincidences, "ordinal": coincidences, "interval": interval_statistics}


def alpha(table: np.ndarray, level: str) -> float:
    units = [[float(value) for value in unit if not math.isnan(value)] for unit in table.T]
    return corpus_value(Score(f"alpha_{level}", LEVELS[level](units)))


@pytest.mark.parametrize(("level", "printed"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_the_published_example(level: str, printed: float) -> None:
    assert alpha(EXAMPLE, level) == pytest.approx(printed, abs=5e-4)


@pytest.mark.parametrize("level", LEVELS)
def test_equals_the_package(level: str) -> None:
    generator = np.random.default_rng(0)
    compared = 0
    while compared < 350:
        table = generator.integers(1, 5, size=generator.integers(2, 6, size=2)).astype(float)
        table[generator.random(table.shape) < 0.2] = NAN
        pairable = table[:, (~np.isnan(table)).sum(axis=0) > 1]
        if len(set(pairable[~np.isnan(pairable)])) < 2:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = krippendorff.alpha(reliability_data=table, level_of_measurement=level)
        assert alpha(table, level) == pytest.approx(theirs, abs=1e-9), table
        compared += 1


@pytest.mark.parametrize("level", LEVELS)
def test_a_weight_is_a_repetition(level: str) -> None:
    units = [[float(value) for value in unit if not math.isnan(value)] for unit in EXAMPLE.T]
    weights = np.random.default_rng(1).integers(0, 4, size=(5, len(units)))
    rows = LEVELS[level](units)
    found = measure(f"alpha_{level}").values(weights, rows)
    repeated = alpha(np.repeat(EXAMPLE, weights[3], axis=1), level)
    assert found[3] == pytest.approx(repeated, abs=1e-12)


@pytest.mark.parametrize("level", LEVELS)
def test_equal_values_say_nothing(level: str) -> None:
    assert math.isnan(alpha(np.full((2, 4), 0.1), level))
    assert math.isnan(alpha(np.array([[1.0, NAN], [NAN, 2.0]]), level))


def test_kappa_equals_scikit_learn() -> None:
    choose = random.Random(0)
    for _ in range(300):
        raters = [choose.choices("abc", k=choose.randint(2, 12))]
        raters.append([choose.choice([value, *"abcd"]) for value in raters[0]])
        if len(set(raters[0] + raters[1])) > 1:
            ours = corpus_value(Score("kappa", class_counts.statistics(*raters)))
            assert ours == pytest.approx(cohen_kappa_score(*raters), abs=1e-12), raters
    assert math.isnan(corpus_value(Score("kappa", class_counts.statistics(["a"], ["a"]))))
