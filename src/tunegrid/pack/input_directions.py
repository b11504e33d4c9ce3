"""EVA: a LoRA whose A starts at the directions in which a layer's inputs vary most. Imports torch and peft.

Paischer et al. 2024, arXiv 2410.07170, by PEFT's incremental principal components. Every layer has the cell's rank: the
paper's redistribution of ranks (rho above 1) is left out, so that cells of one rank have one number of parameters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from peft.utils.incremental_pca import IncrementalPCA
from torch import Tensor, nn

from tunegrid.errors import DataError
from tunegrid.hardware.collective import divided_as
from tunegrid.pack.lora_start import lora_layers

TOKENS = 256
"""Inputs that are taken in at once, or as many as the rank where that is more."""
STILL = 0.99
"""Least cosine of a direction before and after taking inputs in at which it has settled: the paper's tau."""
UPDATES = 64
"""Inputs are taken in at most so many times: directions of equal variance never settle."""


@dataclass(slots=True)
class Directions:
    """The principal components of a layer's inputs."""

    rank: int
    components: IncrementalPCA
    waiting: list[Tensor] = field(default_factory=list)
    """(tokens, in) of rows that were not taken in yet."""
    updates: int = 0
    settled: bool = False

    def see(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Hold the inputs of a row."""
        if self.settled:
            return
        self.waiting.append(inputs[0].detach().reshape(-1, inputs[0].shape[-1]))

    def update(self, least: int) -> None:
        """Take in what is waiting, if it is at least so many tokens."""
        if self.settled or sum(map(len, self.waiting)) < least:
            return
        before: Tensor | None = getattr(self.components, "components_", None)
        self.components.partial_fit(torch.cat(self.waiting).float())
        self.waiting.clear()
        self.updates += 1
        still = before is not None and bool((self.found() * before).sum(1).min() >= STILL)
        self.settled = still or self.updates == UPDATES

    def found(self) -> Tensor:
        """(r, in) orthonormal rows, that of the largest variance first."""
        return cast(Tensor, self.components.components_)


@torch.no_grad()
def start_at_inputs(model: nn.Module, name: str, rows: Iterable[None]) -> None:
    """Set adapter `name`'s A from the rows that pass through the model as `rows` is gone through, B being zero."""
    layers = lora_layers(model, name)
    found = [Directions(layer.r[name], IncrementalPCA(n_components=layer.r[name])) for layer in layers]
    handles = [
        cast(nn.Module, layer).register_forward_pre_hook(one.see) for layer, one in zip(layers, found, strict=True)
    ]
    try:
        for place, _ in enumerate(rows):
            if not place:
                found = _shared(found)
            for one in found:
                one.update(max(TOKENS, one.rank))
            if all(one.settled for one in found):
                break
    finally:
        for handle in handles:
            handle.remove()
    for layer, one in zip(layers, found, strict=True):
        one.update(one.rank)
        if not one.updates:
            raise DataError(f"method.initialisation=eva needs at least method.rank={one.rank} tokens of training rows")
        weight = cast(Tensor, layer.lora_A[name].weight)
        weight.copy_(divided_as(weight, one.found()))


def _shared(found: Sequence[Directions]) -> list[Directions]:
    """One for all layers that were shown the same inputs, such as a query's and a value's; the others look away."""
    firsts: dict[int, Directions] = {}
    for one in found:
        one.settled = firsts.setdefault(one.waiting[0].data_ptr(), one) is not one
    return [firsts[one.waiting[0].data_ptr()] for one in found]
