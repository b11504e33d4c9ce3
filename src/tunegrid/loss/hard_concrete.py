"""The hard-concrete distribution: gates in [0, 1] that are exactly 0 or 1 with positive probability. Imports torch."""

from math import log

import torch
from torch import Tensor

LOW, HIGH = -1.5, 1.5
"""The interval that the concrete variable is stretched to (Guo et al. 2020, section 3.2)."""


def sampled_gate(log_odds: Tensor, uniform: Tensor) -> Tensor:
    """A gate for each entry of `log_odds` and of `uniform`, drawn in (0, 1) (Louizos et al. 2018, eq. 10 and 11)."""
    return _stretched(torch.sigmoid(log_odds + torch.logit(uniform, eps=1e-6)))


def expected_gate(log_odds: Tensor) -> Tensor:
    """The gate used once training is over (Louizos et al. 2018, eq. 13)."""
    return _stretched(torch.sigmoid(log_odds))


def open_probability(log_odds: Tensor) -> Tensor:
    """The probability that a gate is not 0 (Louizos et al. 2018, eq. 12)."""
    return torch.sigmoid(log_odds - log(-LOW / HIGH))


def _stretched(concrete: Tensor) -> Tensor:
    return (concrete * (HIGH - LOW) + LOW).clamp(0, 1)
