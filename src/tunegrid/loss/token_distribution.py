"""The distribution that tokens are drawn from, the same for drawing, for the policy and for its reference.

Imports torch.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.utils.checkpoint import checkpoint

CHUNK = 256
"""Positions projected onto the vocabulary at once; 256 × 49,152 logits in float32 are 48 MiB."""


class Likelihood(NamedTuple):
    """Of some tokens (n,)."""

    log_probabilities: Tensor
    """Of each token, (n,) float32."""
    entropies: Tensor
    """Of the distribution that it comes from, (n,) float32, in nats."""


def log_distribution(logits: Tensor, temperature: float, banned: int | None) -> Tensor:
    """The log of softmax(logits / temperature) in float32, (…, V), with token `banned` as good as impossible."""
    scaled = logits.float() / temperature
    if banned is not None:
        scaled = scaled.index_fill(-1, torch.tensor([banned], device=logits.device), torch.finfo(torch.float32).min)
    return scaled.log_softmax(-1)


def likelihood(logits: Tensor, labels: Tensor, temperature: float, banned: int | None) -> Likelihood:
    """Of `labels` (n,) under `logits` (n, V)."""
    log_p = log_distribution(logits, temperature, banned)
    entropies = -(log_p.exp() * log_p).sum(-1)
    return Likelihood(log_p.gather(1, labels[:, None])[:, 0], entropies)


def linear_likelihood(
    hidden: Tensor, head: Tensor, bias: Tensor | None, labels: Tensor, temperature: float, banned: int | None
) -> Likelihood:
    """Of `labels` (n,) under `hidden` (n, d) projected by `head` (V, d), chunk by chunk.

    The backward pass projects each chunk again, so that one chunk of logits is alive at a time.
    """
    parts = [
        checkpoint(_of_chunk, rows, head, bias, own, temperature, banned, use_reentrant=False, preserve_rng_state=False)
        for rows, own in zip(hidden.split(CHUNK), labels.split(CHUNK), strict=True)
    ]
    return Likelihood(*(torch.cat(side) for side in zip(*parts, strict=True)))


def _of_chunk(
    hidden: Tensor, head: Tensor, bias: Tensor | None, labels: Tensor, temperature: float, banned: int | None
) -> Likelihood:
    return likelihood(F.linear(hidden, head, bias), labels, temperature, banned)


def drawn(log_p: Tensor, uniform: Tensor) -> Tensor:
    """A token for each row of `log_p` (n, V), by inversion of its cumulative distribution at `uniform` (n,) in [0, 1).

    What a row draws depends on its own number alone, not on its neighbours. A token of probability 0 is never drawn.
    """
    cumulative = log_p.double().exp().cumsum(-1)
    at = uniform.double()[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, at, right=True)[:, 0].clamp(max=log_p.shape[1] - 1)
