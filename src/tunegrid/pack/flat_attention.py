"""Causal attention over a flat stream of rows laid end to end, with no padding outside itself. Imports torch.

Registered with transformers' AttentionInterface, so that a model's own code runs unchanged. Every linear layer then
sees real tokens only; the pads exist between `_to_grid` and `_from_grid`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel

NAME = "tunegrid_flat"
EXPLICIT_BELOW = 320
"""Shorter rows multiply their scores out: the CPU's fused kernel has a slow backward on them. In tokens."""
CHANGES_SCORES = ("softcap", "s_aux", "position_bias")
"""What some architectures ask of an attention function and this one does not do."""


@dataclass(frozen=True, slots=True)
class FlatRows:
    """How a flat stream of N tokens divides into R rows of at most T tokens."""

    count: int
    longest: int
    grid: Tensor
    """(N,) the place of each token in the padded (R · T) grid."""

    @classmethod
    def of(cls, lengths: list[int], device: torch.device) -> "FlatRows":
        """Lay out rows of the given lengths."""
        longest = max(lengths)
        grid = torch.cat([torch.arange(n) + row * longest for row, n in enumerate(lengths)])
        return cls(len(lengths), longest, grid.to(device))


class _ToGrid(torch.autograd.Function):
    """(N, F) → (R·T, F), zeros where no token is. Its transpose is a gather, far cheaper than autograd's scatter."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, grid: Tensor, cells: int) -> Tensor:
        ctx.save_for_backward(grid)
        return flat.new_zeros(cells, flat.shape[1]).index_copy_(0, grid, flat)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return grads[0].index_select(0, ctx.saved_tensors[0]), None, None


class _FromGrid(torch.autograd.Function):
    """(R·T, F) → (N, F), dropping the pads."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.cells = padded.shape[0]
        return padded.index_select(0, grid)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        empty = grads[0].new_zeros(ctx.cells, grads[0].shape[1])
        return empty.index_copy_(0, ctx.saved_tensors[0], grads[0]), None


def flat_attention(  # noqa: PLR0913 - transformers' signature
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    flat_rows: FlatRows | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attend within each row of a flat stream.

    As transformers' attention functions: query (1, H, N, D), key and value (1, K, N, D) with H a multiple of K.
    `flat_rows` travels through the model's keyword arguments. Returns (1, N, H, D).
    """
    if flat_rows is None:
        raise ValueError("flat attention was called by a model that does not pass its keyword arguments on")
    if changed := [name for name in CHANGES_SCORES if others.get(name) is not None]:
        raise ValueError(f"flat attention does not know {changed}")
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    q, k, v = (_to_grid(states, flat_rows) for states in (query, key, value))  # (R, heads, T, D)
    if flat_rows.longest < EXPLICIT_BELOW:
        padded = _explicit(q * scaling, k, v, sliding_window)
    else:
        mask = _causal(flat_rows.longest, sliding_window, q.device)
        padded = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scaling, enable_gqa=True)
    heads, size = query.shape[1], query.shape[-1]
    rows = padded.transpose(1, 2).reshape(-1, heads * size)  # (R·T, H·D)
    return _FromGrid.apply(rows, flat_rows.grid).view(1, -1, heads, size), None


def _to_grid(states: Tensor, rows: FlatRows) -> Tensor:
    _, heads, tokens, size = states.shape
    flat = states[0].transpose(0, 1).reshape(tokens, heads * size)
    padded = _ToGrid.apply(flat, rows.grid, rows.count * rows.longest)
    return padded.view(rows.count, rows.longest, heads, size).transpose(1, 2)


def _explicit(q: Tensor, k: Tensor, v: Tensor, window: int | None) -> Tensor:
    """Softmax(q kᵀ + causal) v with the query heads of one key head folded into one product; softmax in fp32."""
    rows, heads, length, size = q.shape
    groups = heads // k.shape[1]
    folded = q.reshape(rows, k.shape[1], groups * length, size)
    scores = (folded @ k.transpose(2, 3)).float().view(rows, k.shape[1], groups, length, length)
    scores = scores.masked_fill(~_causal(length, window, q.device), float("-inf"))
    weights = scores.softmax(-1).to(v.dtype).view(rows, k.shape[1], groups * length, length)
    return (weights @ v).view(rows, heads, length, size)


def _causal(length: int, window: int | None, device: torch.device) -> Tensor:
    """(T, T) True where a query (row) may look at a key (column)."""
    allowed = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    return allowed if window is None else allowed.triu(1 - window)


@contextmanager
def without_flat_attention(model: PreTrainedModel) -> Iterator[None]:
    """Use an attention that reads padded batches and a key-value cache inside the `with` block."""
    before = model.config._attn_implementation
    if before == NAME:
        model.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


AttentionInterface.register(NAME, flat_attention)
