"""GPT-2's fused attention projection as three linear layers, so that LoRA can adapt q and v alone, and back.

GPT-2 computes queries, keys and values with one matrix `c_attn` (d × 3d). Hu et al. 2021 adapt the
query and the value parts separately, each with its own A and B: 2·r·2d parameters a layer. An adapter on the
fused matrix is another method: one A shared by q, k and v.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.pytorch_utils import Conv1D

FUSED, PARTS = "c_attn", ("q_proj", "k_proj", "v_proj")


class SplitAttention(nn.Module):
    """Three (d, d) projections whose outputs are concatenated, in place of one fused (d, 3d) projection."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        """`weight`: (d, 3d) laid out as GPT-2's Conv1D, `bias`: (3d,); both are copied."""
        super().__init__()
        columns = weight.shape[1] // len(PARTS)
        for part, piece, offset in zip(PARTS, weight.split(columns, dim=1), bias.split(columns), strict=True):
            linear = nn.utils.skip_init(nn.Linear, weight.shape[0], columns, device=weight.device, dtype=weight.dtype)
            with torch.no_grad():
                linear.weight.copy_(piece.T)
                linear.bias.copy_(offset)
            self.add_module(part, linear)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """(…, d) → (…, 3d): queries, keys, values, in GPT-2's order."""
        return torch.cat([getattr(self, part)(hidden) for part in PARTS], dim=-1)

    def fused(self) -> "Conv1D":
        """The three projections as GPT-2's own fused module."""
        from transformers.pytorch_utils import Conv1D

        linears = [self.get_submodule(part) for part in PARTS]
        for part, linear in zip(PARTS, linears, strict=True):
            if type(linear) is not nn.Linear:
                raise TypeError(f"{part} is a {type(linear).__name__}: merge or unload the adapter before fusing")
        plain = cast(list[nn.Linear], linears)
        with torch.no_grad():
            weight = torch.cat([linear.weight.T for linear in plain], dim=1).contiguous()
            bias = torch.cat([linear.bias for linear in plain])
        with torch.device("meta"):  # draws no random numbers
            conv = Conv1D(weight.shape[1], weight.shape[0])
        conv.weight, conv.bias = nn.Parameter(weight), nn.Parameter(bias)
        return conv


def split(model: "PreTrainedModel") -> "PreTrainedModel":
    """Replace every fused `c_attn` of a GPT-2 by `SplitAttention`, in place; any other model comes back unchanged.

    The outputs stay the same; the fused weights are freed.
    """
    if model.config.model_type != "gpt2":
        return model
    from transformers.pytorch_utils import Conv1D

    for parent, fused in _children(model, Conv1D):
        parent.c_attn = _like(SplitAttention(fused.weight, fused.bias), fused)
    return model


def fuse(model: "PreTrainedModel") -> "PreTrainedModel":
    """Undo `split`, in place, so that `save_pretrained` writes an ordinary GPT-2; other models come back unchanged."""
    for parent, separate in _children(model, SplitAttention):
        parent.c_attn = _like(separate.fused(), separate)
    return model


@contextmanager
def saved_as_published(model: "PreTrainedModel") -> "Iterator[PreTrainedModel]":
    """The model with its attention fused for as long as it is being saved; the split modules themselves come back.

    An optimiser that holds their parameters goes on unchanged.
    """
    kept = _children(model, SplitAttention)
    try:
        yield fuse(model)
    finally:
        for parent, separate in kept:
            parent.c_attn = separate


def _like(new: nn.Module, old: nn.Module) -> nn.Module:
    for parameter in new.parameters():
        parameter.requires_grad_(next(old.parameters()).requires_grad)
    return new.train(old.training)


def _children(model: nn.Module, kind: type[nn.Module]) -> list[tuple[Any, Any]]:
    return [
        (module, module.c_attn)
        for module in model.modules()
        # A cross-attention's c_attn holds keys and values only.
        if isinstance(getattr(module, "c_attn", None), kind) and not getattr(module, "is_cross_attention", False)
    ]
