"""The LoRA update of several adapters at once, each over its own contiguous rows. Imports torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class LowRank:
    """One adapter's part in one layer: rows `start:stop` of the input, W' = W + scaling · B A."""

    start: int
    stop: int
    scaling: float
    keep: Tensor | None
    """Dropout on the adapter's input, already divided by the keep probability; (stop - start, in)."""


class _LowRankUpdate(torch.autograd.Function):
    """out[s] += scaling · (x[s] ∘ keep) Aᵀ Bᵀ for each adapter's rows s, in place and with one accumulation into dx."""

    @staticmethod
    def forward(ctx: Any, out: Tensor, x: Tensor, parts: Sequence[LowRank], *weights: Tensor) -> Tensor:
        ctx.mark_dirty(out)
        rows_out, rows_in = out.view(-1, out.shape[-1]), x.reshape(-1, x.shape[-1])
        hidden = []
        for part, a, b in zip(parts, weights[::2], weights[1::2], strict=True):
            inputs = rows_in[part.start : part.stop]
            inputs = inputs if part.keep is None else inputs * part.keep
            hidden.append(inputs @ a.to(x.dtype).t())  # (rows, r)
            rows_out[part.start : part.stop].addmm_(hidden[-1], b.to(x.dtype).t(), alpha=part.scaling)
        ctx.parts = parts
        ctx.save_for_backward(x, *weights, *hidden)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, *saved = ctx.saved_tensors
        count = len(ctx.parts)
        weights, hidden = saved[: 2 * count], saved[2 * count :]
        grad_out = grads[0].reshape(-1, grads[0].shape[-1])
        rows_in = x.reshape(-1, x.shape[-1])
        grad_in = torch.zeros_like(rows_in) if ctx.needs_input_grad[1] else None
        grad_weights: list[Tensor | None] = []
        for part, a, b, low in zip(ctx.parts, weights[::2], weights[1::2], hidden, strict=True):
            rows = slice(part.start, part.stop)
            grad = grad_out[rows] * part.scaling  # (rows, out)
            grad_low = grad @ b.to(x.dtype)  # (rows, r)
            inputs = rows_in[rows] if part.keep is None else rows_in[rows] * part.keep
            grad_weights += [(grad_low.t() @ inputs).to(a.dtype), (grad.t() @ low).to(b.dtype)]
            if grad_in is not None:
                step = grad_low @ a.to(x.dtype)
                grad_in[rows] = step if part.keep is None else step * part.keep
        return grads[0], None if grad_in is None else grad_in.view_as(x), None, *grad_weights


def low_rank_update(out: Tensor, x: Tensor, parts: Sequence[LowRank], weights: Sequence[Tensor]) -> Tensor:
    """Add each adapter's update to the frozen layer's output, in place.

    `out` (…, out) is the frozen layer's fresh output for `x` (…, in); `weights` holds A (r, in) and B (out, r) of each
    part in turn. The products run in `x`'s dtype, the gradients come back in the weights' own. Hu et al. 2021, eq. 3.
    """
    return _LowRankUpdate.apply(out, x, parts, *weights) if parts else out
