"""Writing a cell's model: the adaptation, or a whole model with it merged in. Imports torch and transformers."""

import shutil
import tempfile
from pathlib import Path
from typing import cast

import torch
from torch.nn import Module
from transformers import PreTrainedModel

from tunegrid.atomic import PART, full_disk_told
from tunegrid.cell.cell import Cell
from tunegrid.cell.integrity import ADAPTER
from tunegrid.cell.result import Result
from tunegrid.export.card import model_card
from tunegrid.model.split_attention import fuse

TOLERANCE = 1e-4
"""Largest difference of a logit in float32, relative to the largest logit where that is above 1."""
PROBE = 16
"""Tokens of the row on which merged and unmerged logits are compared."""


class UnequalError(RuntimeError):
    """The merged model does not answer as the unmerged one."""


def export(cell: Cell, result: Result, to: Path, merge: bool, licence: str | None) -> float | None:
    """Write the model of a done cell into the new folder `to`; the largest difference of a logit that merging made.

    The merged folder loads with transformers alone, the other with what its format belongs to. Nothing is written where
    anything goes wrong. Raises `UnmergeableError` and `UnequalError`.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=f".{to.name}.", suffix=PART) as scratch:
        folder = Path(scratch) / "model"
        with full_disk_told(to):
            difference = _write_merged(cell, folder) if merge else None
            if not merge:
                shutil.copytree(cell.path(ADAPTER), folder)
            (folder / "README.md").write_text(model_card(cell, result, merge, licence), encoding="utf-8")
        folder.rename(to)
    return difference


def _write_merged(cell: Cell, folder: Path) -> float:
    adaptation = cell.run.method.adaptation()
    adapted = adaptation.load(fuse(cell.run.model.load("float32")), cell.path(ADAPTER)).eval()
    before = _logits(adapted)
    merged = adaptation.merged(adapted).eval()
    difference = (_logits(merged) - before).abs().max() / before.abs().max().clamp(min=1)
    if difference > TOLERANCE:
        raise UnequalError(f"merging changed a logit by {float(difference):.1e} of the largest, not below {TOLERANCE}")
    merged.save_pretrained(folder)
    cell.run.model.load_tokenizer().save_pretrained(folder)
    return float(difference)


@torch.no_grad()
def _logits(model: Module) -> torch.Tensor:
    ids = torch.arange(1, PROBE + 1)[None]
    decoder = cast(PreTrainedModel, model).config.is_encoder_decoder
    logits: torch.Tensor = model(input_ids=ids, **({"decoder_input_ids": ids} if decoder else {})).logits
    return logits[:, -PROBE:]
