"""The tokens whose embeddings lie nearest to a learned prompt. Imports torch."""

from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from tunegrid.adaptation.peft_files import PROMPT, WEIGHTS
from tunegrid.adaptation.virtual_tokens import input_embedding
from tunegrid.model import Model


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A token of the vocabulary beside a virtual one."""

    token: str
    distance: float
    """1 − cosine of the angle between the two embeddings: 0 in the same direction, 2 in opposite ones."""


def neighbours(folder: Path, of: Model, count: int) -> list[list[Neighbour]]:
    """The `count` tokens of a model nearest to each virtual token of the prompt saved in `folder`, nearest first."""
    tokenizer = of.load_tokenizer()
    table = input_embedding(of.load("float32")).weight.detach()
    distances, ids = nearest(load_file(folder / WEIGHTS)[PROMPT], table, count)
    return [
        [Neighbour(_name(tokenizer, token), distance) for token, distance in zip(*row, strict=True)]
        for row in zip(ids.tolist(), distances.tolist(), strict=True)
    ]


def _name(tokenizer: PreTrainedTokenizerBase, token: int) -> str:
    """The token as the vocabulary has it; its number where the embedding has more rows than the vocabulary."""
    return str(tokenizer.convert_ids_to_tokens(token) or f"#{token}")


def nearest(vectors: Tensor, table: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Cosine distances and row numbers, (n, count) each, of the rows of `table` (V, d) nearest to `vectors` (n, d)."""
    distances = 1 - F.normalize(vectors, dim=1) @ F.normalize(table, dim=1).T  # (n, V)
    found = distances.clamp(min=0).topk(min(count, len(table)), largest=False)
    return found.values, found.indices
