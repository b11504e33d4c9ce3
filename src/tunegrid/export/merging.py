"""What a cell has learned as part of the model's own weights. Imports torch and transformers."""

from typing import cast

import torch
from torch.nn import Module
from transformers import PreTrainedModel

from tunegrid.cell.cell import Cell
from tunegrid.cell.integrity import ADAPTER
from tunegrid.model.split_attention import fuse

TOLERANCE = 1e-4
"""Largest difference of a logit in float32, relative to the largest logit where that is above 1."""
PROBE = 16
"""Tokens of the row on which merged and unmerged logits are compared."""


class UnequalError(RuntimeError):
    """The merged model does not answer as the unmerged one."""


def merged_model(cell: Cell) -> tuple[PreTrainedModel, float]:
    """The model of a done cell in float32 on the CPU, as published, and the largest difference that merging made.

    The difference is of a logit, relative as `TOLERANCE` is. Raises `UnmergeableError` and `UnequalError`.
    """
    adaptation = cell.run.method.adaptation()
    adapted = adaptation.load(fuse(cell.run.model.load("float32")), cell.path(ADAPTER)).eval()
    before = _logits(adapted)
    model = adaptation.merged(adapted).eval()
    difference = (_logits(model) - before).abs().max() / before.abs().max().clamp(min=1)
    if difference > TOLERANCE:
        raise UnequalError(f"merging changed a logit by {float(difference):.1e} of the largest, not below {TOLERANCE}")
    return model, float(difference)


@torch.no_grad()
def _logits(model: Module) -> torch.Tensor:
    ids = torch.arange(1, PROBE + 1)[None]
    decoder = cast(PreTrainedModel, model).config.is_encoder_decoder
    logits: torch.Tensor = model(input_ids=ids, **({"decoder_input_ids": ids} if decoder else {})).logits
    return logits[:, -PROBE:]
