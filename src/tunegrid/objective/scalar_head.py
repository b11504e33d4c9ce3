"""One number from a hidden state: a reward model's score, or a value. Imports torch."""

from typing import Self, cast

import torch
from torch import Tensor, nn

from tunegrid.pack.pack import Pack


class ScalarHead(nn.Module):
    """w · h + b in float32, whatever the model's precision."""

    def __init__(self, width: int, deviation: float, generator: torch.Generator):
        """Draw w with standard deviation `deviation`; b is 0."""
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, generator=generator) * deviation)
        self.bias = nn.Parameter(torch.zeros(()))

    @classmethod
    def on(cls, pack: Pack, deviation: float, seed: int) -> Self:
        """A head for the hidden states of a pack's base, on its device."""
        width = cast(nn.Embedding, pack.base.get_input_embeddings()).weight.shape[1]
        return cls(width, deviation, torch.Generator().manual_seed(seed)).to(pack.base.device)

    def forward(self, states: Tensor) -> Tensor:
        """(…, d) to (…)."""
        return states.float() @ self.weight + self.bias
