"""Against torchmetrics, scikit-learn and a case by hand."""

import numpy as np
import pytest

from tunegrid.metrics import Score, calibration
from tunegrid.metrics.combine import corpus_value


def ece(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    return corpus_value(Score("ECE", calibration.error_statistics(confidence, right, bins)))


def test_error_by_hand() -> None:
    # (0.5, 1]: all of 3 right at a mean of 0.7; [0, 0.5]: none of 1 at 0.5.
    confidence, right = np.array([0.8, 0.7, 0.6, 0.5]), np.array([1.0, 1.0, 1.0, 0.0])
    assert ece(confidence, right, 2) == pytest.approx(0.75 * abs(1 - 0.7) + 0.25 * 0.5)
    assert ece(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 10) == 0.0


def test_error_equals_torchmetrics() -> None:
    import torch
    from torchmetrics.functional.classification import multiclass_calibration_error

    generator = np.random.default_rng(0)
    for _ in range(60):
        probabilities = generator.dirichlet(np.ones(4), size=generator.integers(1, 100))
        labels = generator.integers(0, 4, size=len(probabilities))
        right = (probabilities.argmax(axis=1) == labels).astype(float)
        theirs = multiclass_calibration_error(
            torch.tensor(probabilities), torch.tensor(labels), num_classes=4, n_bins=10, validate_args=False
        )
        assert ece(probabilities.max(axis=1), right, 10) == pytest.approx(theirs.item(), abs=1e-6)


def test_brier_equals_scikit_learn() -> None:
    from sklearn.metrics import brier_score_loss

    generator = np.random.default_rng(1)
    probabilities = generator.dirichlet(np.ones(3), size=1200)
    labels = generator.integers(0, 3, size=1200)
    ours = corpus_value(Score("Brier", calibration.brier_statistics(probabilities, labels)))
    assert ours == pytest.approx(brier_score_loss(labels, probabilities, labels=[0, 1, 2], scale_by_half=False))
