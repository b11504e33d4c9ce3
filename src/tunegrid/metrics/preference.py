"""How far a reward model's confidence in its preferences is from how often they are right."""

import numpy as np


def calibration_error(sums: np.ndarray) -> np.ndarray:
    """Expected calibration error, (..., 3 · bins) to (...).

    The columns are the sums of confidence, of correctness and of pairs in each bin of confidence. The error is the mean
    over all pairs of |mean confidence − share of right ones| of their bin: Guo et al. 2017, arXiv 1706.04599, eq. 3.
    """
    confidence, right, pairs = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)
    return np.abs(confidence - right).sum(-1) / pairs.sum(-1)
