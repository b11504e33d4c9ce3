"""A LoRA that starts at some product B₀A₀ and not at zero, on an unchanged base. Imports torch and peft.

PEFT's PiSSA and OLoRA put W − s B₀A₀ in the base's place, which other cells could then not share; here they are
W' = W + s (BA − B₀A₀). The difference is a product of rank 2r, (B − B₀) A + B₀ (A − A₀): exactly zero at the start, and
not rounded away where the products run in a lower precision than A and B are held in.

LoftQ starts at what rounding has taken from the base, W' = Q + s BA ≈ W: that product stays.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import cast

import torch
from peft.tuners.lora.layer import LoraLayer
from torch import Tensor, nn

from tunegrid.model.quantise import lost


class Start(Enum):
    """Where a LoRA starts."""

    zero = "zero"
    """B is zero."""
    weights = "weights"
    """At a part of the weights, which PEFT subtracts from them."""
    rounding = "rounding"
    """At what four bits have taken from the weights."""
    inputs = "inputs"
    """B is zero, and A what the layer's inputs say; known when training begins."""


@contextmanager
def weights_kept(weights: Iterable[nn.Parameter]) -> Iterator[None]:
    """Leave the weights as they are at the beginning of the `with` block, bit for bit; holds a copy of them inside."""
    before = [(weight, weight.data.clone()) for weight in weights]
    yield
    for weight, data in before:
        weight.data = data


def keep_start(model: nn.Module, name: str) -> None:
    """Take the A and B that adapter `name` has now for its A₀ and B₀."""
    for layer in lora_layers(model, name):
        for side in (layer.lora_A[name], layer.lora_B[name]):
            start = cast(Tensor, side.weight).detach().clone()
            side.register_buffer("start", start, persistent=False)


@torch.no_grad()
def start_at_rounding(model: nn.Module, name: str) -> None:
    """Have adapter `name` start at the product of rank r nearest to what rounding has taken from each weight.

    LoftQ (Li et al. 2023, arXiv 2310.08659) with one step of its algorithm 1: a second would round other weights.
    """
    for layer in lora_layers(model, name):
        taken = lost(layer.get_base_layer())
        if taken is not None:
            left, values, right = torch.linalg.svd(taken, full_matrices=False)
            rank = layer.r[name]
            roots = (values[:rank] / layer.scaling[name]).sqrt()
            cast(Tensor, layer.lora_A[name].weight).copy_(roots[:, None] * right[:rank])
            cast(Tensor, layer.lora_B[name].weight).copy_(left[:, :rank] * roots)


def lora_layers(model: nn.Module, name: str) -> list[LoraLayer]:
    """The layers that adapter `name` adapts."""
    return [layer for layer in model.modules() if isinstance(layer, LoraLayer) and name in layer.lora_B]


def used_a(side: nn.Module) -> Tensor:
    """The A of the update, (r, in): the weight itself, or with a start [A; A − A₀], (2r, in)."""
    weight, start = cast(Tensor, side.weight), getattr(side, "start", None)
    return weight if start is None else torch.cat([weight, weight - start])


def used_b(side: nn.Module) -> Tensor:
    """The B of the update, (out, r): the weight itself, or with a start [B − B₀, B₀], (out, 2r)."""
    weight, start = cast(Tensor, side.weight), getattr(side, "start", None)
    return weight if start is None else torch.cat([weight - start, start], 1)
