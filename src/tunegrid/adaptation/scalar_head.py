"""One number from a hidden state: a reward model's score, or a value. Imports torch."""

from typing import Self, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

HEAD = "head.safetensors"
"""A cell's head, beside its adaptation."""


class ScalarHead(nn.Module):
    """w · h + b in float32, whatever the model's precision."""

    def __init__(self, width: int, deviation: float, generator: torch.Generator):
        """Draw w with standard deviation `deviation`; b is 0."""
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, generator=generator) * deviation)
        self.bias = nn.Parameter(torch.zeros(()))

    @classmethod
    def on(cls, base: PreTrainedModel, deviation: float | None, seed: int) -> Self:
        """A head for the hidden states of a model, on its device; by default of deviation 1 / √(width + 1).

        Stiennon et al. 2020, arXiv 2009.01325, appendix B.1: scores then begin with a deviation around 1.
        """
        width = cast(nn.Embedding, base.get_input_embeddings()).weight.shape[1]
        own = (width + 1) ** -0.5 if deviation is None else deviation
        return cls(width, own, torch.Generator().manual_seed(seed)).to(base.device)

    def forward(self, states: Tensor) -> Tensor:
        """(…, d) to (…)."""
        return states.float() @ self.weight + self.bias
