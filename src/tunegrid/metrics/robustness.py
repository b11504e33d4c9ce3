"""A metric over the answers to perturbed versions of each question, worst and mean, as in HELM (Liang et al. 2023)."""

from collections.abc import Sequence

import numpy as np

from tunegrid.errors import DataError
from tunegrid.metrics import Score, Unavailable
from tunegrid.metrics.combine import Measure, measure


def worst_case(versions: Sequence[Score]) -> Score | Unavailable:
    """The score with each instance's worst version in its place, judged by the metric of that instance alone."""
    known = measure(versions[0].name)
    if known.sums is not np.matmul:
        return Unavailable(versions[0].name, "compares instances, and has no value of one of them")
    rows = _stacked(versions)
    worst = _values(known, rows).argmin(axis=0)
    return Score(versions[0].name, rows[worst, np.arange(rows.shape[1])])


def mean_case(versions: Sequence[Score]) -> Score | Unavailable:
    """The score with every version counted alike."""
    if measure(versions[0].name).sums is not np.matmul:
        return Unavailable(versions[0].name, "compares instances, and has no mean over versions of them")
    return Score(versions[0].name, _stacked(versions).mean(axis=0))


def _values(known: Measure, rows: np.ndarray) -> np.ndarray:
    """What each row is worth, higher is better: (..., k) to (...); a row without a value is the best."""
    values = known.combine(rows)
    return np.where(np.isnan(values), np.inf, values if known.higher_is_better else -values)


def _stacked(versions: Sequence[Score]) -> np.ndarray:
    """(versions, instances, k)."""
    shapes = {(score.name, score.statistics.shape) for score in versions}
    if len(shapes) > 1:
        raise DataError(f"versions must have one metric on the same instances, got {shapes}")
    return np.stack([score.statistics for score in versions])
