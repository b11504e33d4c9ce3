"""Calibration of preferences against a direct count, and on data whose probabilities are known."""

import numpy as np
import pytest
import torch

from tunegrid.loss.preference import BINS, calibration_statistics
from tunegrid.metrics import Score
from tunegrid.metrics.combine import corpus_value


def error(chosen: torch.Tensor, rejected: torch.Tensor) -> float:
    return corpus_value(Score("pair_calibration_error", calibration_statistics(chosen, rejected).numpy()))


def counted(chosen: np.ndarray, rejected: np.ndarray) -> float:
    """Bin by bin, as Guo et al. write it."""
    confidence = 1 / (1 + np.exp(-np.abs(chosen - rejected)))
    right = np.where(chosen == rejected, 0.5, chosen > rejected)
    total = 0.0
    for low in np.linspace(0.5, 1, BINS, endpoint=False):
        own = (confidence >= low) & (confidence < low + 0.5 / BINS)
        if own.any():
            total += own.mean() * abs(confidence[own].mean() - right[own].mean())
    return total


def test_the_error_is_that_of_a_direct_count() -> None:
    chosen, rejected = torch.randn(2, 500, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert error(chosen, rejected) == pytest.approx(counted(chosen.numpy(), rejected.numpy()))


def test_scores_that_are_the_true_utilities_are_calibrated_and_doubled_ones_are_not() -> None:
    """Bradley and Terry's model: the better answer is preferred with probability σ(difference)."""
    generator = torch.Generator().manual_seed(1)
    one, two = torch.randn(2, 20_000, generator=generator, dtype=torch.float64)
    preferred = torch.rand(20_000, generator=generator) < torch.sigmoid(one - two)
    chosen, rejected = torch.where(preferred, one, two), torch.where(preferred, two, one)
    assert error(chosen, rejected) <= 0.03 < error(3 * chosen, 3 * rejected)
