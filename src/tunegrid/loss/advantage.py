"""From the scores of responses to how much better each token was than expected. Imports torch.

Tensors are (B, T): B responses of at most T tokens. `mask` is True up to a response's last token, its end token
included; what lies behind is never read, not even where it is not a number.
"""

import torch
from torch import Tensor


def token_rewards(divergence: Tensor, scores: Tensor, mask: Tensor, coefficient: float) -> Tensor:
    """−coefficient · divergence at every token, and the response's score (B,) once more at its last token; else 0.

    Ziegler et al. 2019, arXiv 1909.08593, eq. 2. A row sums to its score − coefficient · its divergence.
    """
    rewards = -coefficient * masked(divergence, mask)
    last = mask.sum(1, keepdim=True) - 1
    return rewards.scatter_add(1, last, scores[:, None].to(rewards.dtype))


def generalised_advantages(rewards: Tensor, values: Tensor, mask: Tensor, discount: float, trace: float) -> Tensor:
    """A_t = Σ_k (γλ)^k δ_{t+k} with δ_t = r_t + γ V_{t+1} − V_t; 0 behind the last token.

    Schulman et al. 2015, arXiv 1506.02438, eq. 16; γ is `discount`, λ `trace`. Nothing is expected after the last
    token, whether it ended the response or the response was cut there. A + V is what the values are trained towards.
    """
    rewards, values = masked(rewards, mask), masked(values, mask)
    advantages = torch.zeros_like(rewards)
    following = torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        expected = values[:, t + 1] if t + 1 < rewards.shape[1] else torch.zeros_like(following)
        surprise = rewards[:, t] + discount * expected - values[:, t]
        following = torch.where(mask[:, t], surprise + discount * trace * following, 0)
        advantages[:, t] = following
    return advantages


def whitened(entries: Tensor, mask: Tensor, shift: bool = True) -> Tensor:
    """The entries under the mask with mean 0 and (Bessel's) variance 1; without `shift` the mean stays; else 0.

    Raises `ValueError` where there are fewer than two entries to take a variance of.
    """
    own = entries[mask]
    if len(own) < 2:
        raise ValueError(f"whitening needs at least 2 tokens in a batch, got {len(own)}")
    mean, variance = own.mean(), own.var()
    scaled = (entries - mean) * torch.rsqrt(variance + 1e-8)
    return masked(scaled if shift else scaled + mean, mask)


def masked(entries: Tensor, mask: Tensor) -> Tensor:
    """The entries under the mask, 0 elsewhere."""
    return torch.where(mask, entries, 0)
