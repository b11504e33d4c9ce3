"""Cross-entropy of a vocabulary projection that is never held whole. Imports torch."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

CHUNK = 256
"""Label positions projected at once; 256 × 49,152 logits in fp32 are 48 MiB."""


class _LinearCrossEntropy(torch.autograd.Function):
    """Computes the gradient in the forward pass, chunk by chunk, so that one chunk of logits is alive at a time."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: Tensor, bias: Tensor | None, labels: Tensor, weights: Tensor, smoothing: float
    ) -> tuple[Tensor, Tensor]:
        grad_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        grad_head = torch.zeros_like(head, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        grad_bias = None if bias is None or not ctx.needs_input_grad[2] else torch.zeros_like(bias, dtype=torch.float32)
        nll = torch.empty(len(labels), device=hidden.device)
        total = torch.zeros((), device=hidden.device)
        for start in range(0, len(labels), CHUNK):
            rows = slice(start, start + CHUNK)
            logits = (hidden[rows] @ head.t()).float()  # (chunk, V)
            logits = logits if bias is None else logits + bias.float()
            losses = cross_entropy(logits, labels[rows], smoothing)
            nll[rows] = losses.nll
            total += weights[rows] @ losses.smoothed
            if grad_hidden is None:
                continue
            grad = _grad_logits(logits, labels[rows], smoothing, losses.normaliser) * weights[rows, None]
            grad_low = grad.to(hidden.dtype)
            grad_hidden[rows] = grad_low @ head
            if grad_head is not None:
                grad_head += (grad_low.t() @ hidden[rows]).float()
            if grad_bias is not None:
                grad_bias += grad.sum(0)
        ctx.mark_non_differentiable(nll)
        ctx.save_for_backward(*(g for g in (grad_hidden, grad_head, grad_bias) if g is not None))
        ctx.given = [g is not None for g in (grad_hidden, grad_head, grad_bias)]
        ctx.dtypes = [hidden.dtype, head.dtype, None if bias is None else bias.dtype]
        return total, nll

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        saved = iter(ctx.saved_tensors)
        scaled = [
            (next(saved) * grads[0]).to(dtype) if given else None
            for given, dtype in zip(ctx.given, ctx.dtypes, strict=True)
        ]
        return *scaled, None, None, None


class CrossEntropy(NamedTuple):
    """Per-label losses (n,) of logits (n, V)."""

    nll: Tensor
    smoothed: Tensor
    normaliser: Tensor
    """log Σ_v exp(logit_v)."""


def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> CrossEntropy:
    """Negative log-likelihood of `labels` (n,) under `logits` (n, V), plain and label-smoothed.

    Smoothed: (1 − ε) · nll + ε · mean_v(−log p_v), Szegedy et al. 2016, section 7.
    """
    normaliser = logits.logsumexp(-1)
    nll = normaliser - logits.gather(1, labels[:, None])[:, 0]
    smoothed = nll if smoothing == 0 else (1 - smoothing) * nll + smoothing * (normaliser - logits.mean(-1))
    return CrossEntropy(nll, smoothed, normaliser)


def _grad_logits(logits: Tensor, labels: Tensor, smoothing: float, normaliser: Tensor) -> Tensor:
    """∂ smoothed / ∂ logits = softmax − (1 − ε) · onehot − ε / V; overwrites `logits`."""
    grad = logits.sub_(normaliser[:, None]).exp_()
    grad.scatter_add_(1, labels[:, None], torch.full_like(normaliser[:, None], smoothing - 1))
    return grad.sub_(smoothing / logits.shape[1]) if smoothing else grad


def linear_cross_entropy(
    hidden: Tensor, head: Tensor, bias: Tensor | None, labels: Tensor, weights: Tensor, smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Weighted label-smoothed cross-entropy of `hidden` (n, d) projected by `head` (V, d).

    Returns the scalar Σ weights · smoothed loss, which carries the gradient, and the plain nll of each label (n,).
    The same numbers as `F.cross_entropy(hidden @ head.T, labels)`, without the (n, V) logits: Wijmans et al. 2024
    (arXiv 2411.09009) motivate it; here in plain PyTorch, by chunks.
    """
    return _LinearCrossEntropy.apply(hidden, head, bias, labels, weights, smoothing)
