"""A LoRA that starts at some product B₀A₀ and not at zero, on an unchanged base: W' = W + s (BA − B₀A₀).

PEFT's PiSSA and OLoRA put W − s B₀A₀ in the base's place, which other cells could then not share. The difference is a
product of rank 2r, (B − B₀) A + B₀ (A − A₀): exactly zero at the start, and not rounded away where the products run
in a lower precision than A and B are held in. Imports torch and peft.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import cast

import torch
from peft.tuners.lora.layer import LoraLayer
from torch import Tensor, nn


@contextmanager
def weights_kept(weights: Iterable[nn.Parameter]) -> Iterator[None]:
    """Leave the weights as they are at the beginning of the `with` block, bit for bit; holds a copy of them inside."""
    before = [(weight, weight.data.clone()) for weight in weights]
    yield
    for weight, data in before:
        weight.data = data


def keep_start(model: nn.Module, name: str) -> None:
    """Take the A and B that adapter `name` has now for its A₀ and B₀."""
    for layer in model.modules():
        if isinstance(layer, LoraLayer) and name in layer.lora_B:
            for side in (layer.lora_A[name], layer.lora_B[name]):
                start = cast(Tensor, side.weight).detach().clone()
                side.register_buffer("start", start, persistent=False)


def used_a(side: nn.Module) -> Tensor:
    """The A of the update, (r, in): the weight itself, or with a start [A; A − A₀], (2r, in)."""
    weight, start = cast(Tensor, side.weight), getattr(side, "start", None)
    return weight if start is None else torch.cat([weight, weight - start])


def used_b(side: nn.Module) -> Tensor:
    """The B of the update, (out, r): the weight itself, or with a start [B − B₀, B₀], (out, 2r)."""
    weight, start = cast(Tensor, side.weight), getattr(side, "start", None)
    return weight if start is None else torch.cat([weight - start, start], 1)
