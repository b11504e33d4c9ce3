"""The losses of proximal policy optimisation, token by token. Imports torch.

Schulman et al. 2017, arXiv 1707.06347. All tensors are (n,), one entry a token that was generated.
"""

import torch
from torch import Tensor

LARGEST_LOG_RATIO = 20.0
"""Beyond it a ratio is cut, so that none is infinite."""


def ratios(log_new: Tensor, log_old: Tensor) -> Tensor:
    """π(token) / π_old(token)."""
    return (log_new - log_old).clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO).exp()


def policy_losses(ratio: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """−min(r A, clip(r, 1 − ε, 1 + ε) A), eq. 7.

    Without gradient where the ratio has already gone beyond ε in the direction that the advantage asks for.
    """
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)


def clipped_share(ratio: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """1 for each token whose loss has no gradient because of clipping, else 0."""
    return (((ratio > 1 + clip) & (advantages > 0)) | ((ratio < 1 - clip) & (advantages < 0))).to(ratio.dtype)


def value_losses(values: Tensor, old_values: Tensor, returns: Tensor, clip: float) -> Tensor:
    """½ max((V − R)², (V_clipped − R)²), where V_clipped is at most ε from the value at the rollout.

    Of OpenAI's `baselines/ppo2`; the maximum, so that clipping never makes a wrong value look right.
    """
    near = old_values + (values - old_values).clamp(-clip, clip)
    return torch.maximum((values - returns) ** 2, (near - returns) ** 2) / 2
