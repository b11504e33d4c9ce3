"""Writing a cell's model: the adaptation, or a whole model with it merged in. Imports torch and transformers."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import PreTrainedModel

from tunegrid.adaptation import UnmergeableError
from tunegrid.atomic import PART, full_disk_told
from tunegrid.cell.cell import Cell
from tunegrid.cell.integrity import ADAPTER
from tunegrid.cell.result import Result
from tunegrid.export.card import CARD, model_card
from tunegrid.export.merging import merged_model
from tunegrid.model.split_attention import fuse

WEIGHT_TOLERANCE = 1e-6
"""Largest difference of a weight in float32 after unmerging, relative to the largest of its tensor."""


def export(cell: Cell, result: Result, to: Path, merge: bool, licence: str | None) -> float | None:
    """Write the model of a done cell into the new folder `to`; the largest difference of a logit that merging made.

    The merged folder loads with transformers alone, the other with what its format belongs to. Nothing is written where
    anything goes wrong. Raises `UnmergeableError` and `UnequalError`.
    """
    with _scratch(to) as folder:
        difference = _write_merged(cell, folder) if merge else None
        if not merge:
            shutil.copytree(cell.path(ADAPTER), folder)
        (folder / CARD).write_text(model_card(cell, result, merge, licence), encoding="utf-8")
    return difference


@contextmanager
def _scratch(to: Path) -> Iterator[Path]:
    """A folder beside `to` that is renamed to it in the end; it is gone after an error."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=f".{to.name}.", suffix=PART) as scratch:
        folder = Path(scratch) / "model"
        with full_disk_told(to):
            yield folder
        folder.rename(to)


def _write_merged(cell: Cell, folder: Path) -> float:
    model, difference = merged_model(cell)
    model.save_pretrained(folder)
    cell.run.model.load_tokenizer().save_pretrained(folder)
    return difference


def unmerge(cell: Cell, merged: Path, to: Path) -> float:
    """Write the base into the new folder `to`, out of the folder `merged` that `export` wrote with `merge`.

    Returns the largest difference of a weight from the published base's, relative to the largest weight beside it.
    Nothing is written where that is above `WEIGHT_TOLERANCE` or the method cannot be undone: raises `UnmergeableError`.
    """
    base = fuse(cell.run.model.load("float32"))
    whole = type(base).from_pretrained(merged, dtype=torch.float32)
    found = cell.run.method.adaptation().unmerged(whole, cell.path(ADAPTER))
    difference = _largest_difference(base, found)
    if difference > WEIGHT_TOLERANCE:
        raise UnmergeableError(
            f"without cell {cell.id} a weight of {merged} differs from {cell.run.model.name} by {difference:.1e} of "
            "the largest: rounding has taken too much; load the base as it was published"
        )
    with _scratch(to) as folder:
        found.save_pretrained(folder)
        cell.run.model.load_tokenizer().save_pretrained(folder)
    return difference


def _largest_difference(base: PreTrainedModel, found: PreTrainedModel) -> float:
    other = found.state_dict()
    return max(
        float((weight - other[name]).abs().max() / weight.abs().max().clamp(min=1e-30))
        for name, weight in base.state_dict().items()
    )
