"""How far a policy has gone from its reference: estimates from samples, and the weight that holds it back.

Imports torch. d is log π(token) − log π_ref(token) of tokens drawn from π; Schulman 2020, "Approximating KL
divergence". The mean of `k1` and of `k3` is KL(π‖π_ref).
"""

import torch
from torch import Tensor

LARGEST_CHANGE = 0.2
"""Of the relative error that one adaptation follows."""


def k1(log_policy: Tensor, log_reference: Tensor) -> Tensor:
    """D: unbiased, and below 0 as often as it takes."""
    return log_policy - log_reference


def k2(log_policy: Tensor, log_reference: Tensor) -> Tensor:
    """d² / 2: biased, never below 0."""
    return (log_policy - log_reference) ** 2 / 2


def k3(log_policy: Tensor, log_reference: Tensor) -> Tensor:
    """exp(−d) − 1 + d: unbiased, never below 0, and of less variance than d near the reference."""
    difference = log_policy - log_reference
    return torch.expm1(-difference) + difference


def adapted(coefficient: float, kl: float, target: float, responses: int, horizon: int) -> float:
    """The KL coefficient after an update whose `responses` were on average `kl` nats from the reference.

    β · (1 + clip(kl / target − 1, ±0.2) · responses / horizon): Ziegler et al. 2019, arXiv 1909.08593, section 2.2.
    """
    error = min(max(kl / target - 1, -LARGEST_CHANGE), LARGEST_CHANGE)
    return coefficient * (1 + error * responses / horizon)
