"""Validation loss and perplexity from per-row sums of negative log-likelihood."""

import numpy as np

from tunegrid.metrics import Score


def likelihood_scores(rows: np.ndarray) -> list[Score]:
    """Return `val_loss` and `perplexity` from (rows, 2): a row's summed negative log-likelihood in nats, its tokens."""
    return [Score("val_loss", rows), Score("perplexity", rows)]


def val_loss(sums: np.ndarray) -> np.ndarray:
    """Return the mean negative log-likelihood per token in nats: (..., 2) to (...)."""
    return sums[..., 0] / sums[..., 1]


def perplexity(sums: np.ndarray) -> np.ndarray:
    """Return exp of the mean negative log-likelihood per token: (..., 2) to (...)."""
    return np.exp(val_loss(sums))
