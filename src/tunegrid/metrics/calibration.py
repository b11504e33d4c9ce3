"""Whether stated probabilities come true: expected calibration error and Brier score."""

import numpy as np


def error_statistics(confidence: np.ndarray, right: np.ndarray, bins: int) -> np.ndarray:
    """(instances, bins + 1): in the bin of its confidence, whether an answer is right less its confidence; and 1.

    `confidence`: (instances,) in 0 … 1; `right`: (instances,), 1 or 0. Of `bins` equal parts of 0 … 1, each holds its
    upper end, as in Guo et al. (2017).
    """
    rows = np.zeros((len(confidence), bins + 1))
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    rows[np.arange(len(confidence)), bin_of] = right - confidence
    rows[:, bins] = 1.0
    return rows


def expected_error(sums: np.ndarray) -> np.ndarray:
    """Expected calibration error in 0 … 1 from (weighted) sums of `error_statistics`: (..., bins + 1) to (...).

    Every bin's |share right − mean confidence|, weighted by its instances.
    """
    return np.abs(sums[..., :-1]).sum(axis=-1) / sums[..., -1]


def brier_statistics(probabilities: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(instances, 2): Brier's (1950) squared error summed over the choices, in 0 … 2, and 1.

    `probabilities`: (instances, choices), each row adds up to 1; `right`: (instances,) the place of the right choice.
    """
    errors = probabilities - np.eye(probabilities.shape[1])[right]
    return np.stack([(errors**2).sum(axis=1), np.ones(len(errors))], axis=-1)
