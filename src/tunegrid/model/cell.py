"""`model=cell`: what a finished cell has made of its model, without exporting it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunegrid.config import schema
from tunegrid.errors import ConfigError
from tunegrid.model import Model

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from tunegrid.cell.cell import Cell


@schema("model", "cell")
@dataclass(kw_only=True, slots=True)
class CellModel(Model):
    """The model of a finished cell with what it has learned merged into the weights."""

    cell: str
    """Its folder, or its id beneath `outputs`. Left unnamed, the model is called after it."""

    def __post_init__(self) -> None:
        if self.name == self.cell:
            self.name = Path(self.cell).name

    def identity(self) -> str:
        """The cell's id, which covers its config, data and model."""
        return f"cell:{_finished(self.cell).id}"

    def config_values(self) -> Mapping[str, Any]:
        """Those of the cell's own model: what can be merged changes no size."""
        return _finished(self.cell).run.model.config_values()

    def load_tokenizer(self) -> "PreTrainedTokenizerBase":
        """The tokenizer of the cell's own model."""
        return _finished(self.cell).run.model.load_tokenizer()

    def load(self, precision: str) -> "PreTrainedModel":
        """The cell's own model, merged in float32. Raises `UnmergeableError` for a method that cannot be."""
        from torch.nn import Module

        from tunegrid.export.merging import merged_model
        from tunegrid.model.pretrained import torch_dtype
        from tunegrid.model.split_attention import split

        model, _ = merged_model(_finished(self.cell))
        Module.to(model, torch_dtype(precision))  # transformers' own `to` hides its signature
        return split(model)


@cache
def _finished(reference: str) -> "Cell":
    """The cell that is meant, read to its last byte once in this process."""
    from tunegrid.cell.find import done_result, find_cell
    from tunegrid.cell.identity import SCHEMA

    cell = find_cell(reference, [])
    done_result(cell)
    if not cell.run.objective.writes():
        kind = cell.config[SCHEMA]["objective"]
        raise ConfigError(f"model.cell must be a cell whose model answers questions, got one of objective={kind}")
    return cell
