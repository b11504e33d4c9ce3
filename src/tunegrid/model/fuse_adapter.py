"""LoRA trained on the separate q, k and v projections of a split GPT-2, as one PEFT adapter of the unchanged GPT-2."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import torch

from tunegrid.model.split_attention import PARTS

SPLIT_KEY = re.compile(r"(?P<module>.*\.c_attn)\.(?P<part>q_proj|k_proj|v_proj)\.lora_(?P<side>[AB])\.weight")

FUSED_KEY = re.compile(r"(?P<module>.*\.c_attn)\.lora_(?P<side>[AB])\.weight")


@dataclass(frozen=True, slots=True)
class LoraPair:
    """The two matrices of one LoRA layer; the change of the frozen weight is scaling · B A."""

    a: torch.Tensor
    """(r, d_in)."""
    b: torch.Tensor
    """(d_out, r)."""


@dataclass(frozen=True, slots=True)
class FusedAdapter:
    """What an ordinary PEFT adapter for `c_attn` needs."""

    state: dict[str, torch.Tensor]
    """PEFT's keys and tensors, as in adapter_model.safetensors."""
    rank: int
    """`r` of its LoraConfig."""
    alpha: float
    """`lora_alpha` of its LoraConfig; with the same `use_rslora` the scaling is that of the separate adapters."""


def fuse_pairs(pairs: Mapping[str, LoraPair]) -> LoraPair:
    """One pair for the fused (d → 3d) projection, equal to separate pairs for some of q_proj, k_proj and v_proj.

    With n pairs of rank r: A (n·r, d) stacks theirs, B (3d, n·r) holds each of theirs in the rows of its projection and
    the columns of its A, and is zero elsewhere; so B A is block by block what the separate pairs compute.
    """
    present = [part for part in PARTS if part in pairs]
    rows = pairs[present[0]].b.shape[0]  # d
    ranks = [pairs[part].a.shape[0] for part in present]
    b = pairs[present[0]].b.new_zeros(len(PARTS) * rows, sum(ranks))
    column = 0
    for part, rank in zip(present, ranks, strict=True):
        row = PARTS.index(part) * rows
        b[row : row + rows, column : column + rank] = pairs[part].b
        column += rank
    return LoraPair(a=torch.cat([pairs[part].a for part in present]), b=b)


def fused_alpha(alpha: float, rank: int, fused_rank: int, rslora: bool) -> float:
    """The alpha that keeps the scaling when the rank grows: α/r, or α/√r where `rslora` (Kalajdzievski 2023)."""
    return alpha * sqrt(fused_rank / rank) if rslora else alpha * fused_rank / rank


def fuse_adapter(state: Mapping[str, torch.Tensor], rank: int, alpha: float, rslora: bool) -> FusedAdapter:
    """Rewrite a saved adapter of a split GPT-2 for `c_attn`.

    Raises `ValueError` when layers adapt different projections, or when modules other than `c_attn` are adapted too:
    PEFT gives one rank and one alpha to all of them.
    """
    split: dict[str, dict[str, dict[str, torch.Tensor]]] = {}
    for key, tensor in state.items():
        match = SPLIT_KEY.fullmatch(key)
        if match is None:
            raise ValueError(f"{key} is no LoRA weight of a split c_attn; fuse adapters of q_proj, k_proj, v_proj only")
        split.setdefault(match["module"], {}).setdefault(match["part"], {})[match["side"]] = tensor
    if len({tuple(sorted(parts)) for parts in split.values()}) != 1:
        raise ValueError("every layer must adapt the same projections")
    fused: dict[str, torch.Tensor] = {}
    for module, parts in split.items():
        pair = fuse_pairs({part: LoraPair(sides["A"], sides["B"]) for part, sides in parts.items()})
        fused[f"{module}.lora_A.weight"], fused[f"{module}.lora_B.weight"] = pair.a, pair.b
    fused_rank = pair.a.shape[0]
    return FusedAdapter(fused, fused_rank, fused_alpha(alpha, rank, fused_rank, rslora))


def separate_adapter(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rewrite a saved adapter of `c_attn` for a split GPT-2: each part has all of A, and its own rows of B."""
    separate: dict[str, torch.Tensor] = {}
    for key, tensor in state.items():
        match = FUSED_KEY.fullmatch(key)
        if match is None:
            raise ValueError(f"{key} is no LoRA weight of c_attn")
        pieces = [tensor] * len(PARTS) if match["side"] == "A" else tensor.chunk(len(PARTS))
        for part, piece in zip(PARTS, pieces, strict=True):
            separate[f"{match['module']}.{part}.lora_{match['side']}.weight"] = piece.clone()
    return separate
