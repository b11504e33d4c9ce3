"""Validation loss and perplexity from sums over rows (…, 2): negative log-likelihood in nats, and tokens."""

import numpy as np


def val_loss(sums: np.ndarray) -> np.ndarray:
    """Return the mean negative log-likelihood per token in nats: (..., 2) to (...)."""
    return sums[..., 0] / sums[..., 1]


def perplexity(sums: np.ndarray) -> np.ndarray:
    """Return exp of the mean negative log-likelihood per token: (..., 2) to (...)."""
    return np.exp(val_loss(sums))
