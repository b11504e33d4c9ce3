"""Full fine-tuning: every parameter of the model is trained. The reference method."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import schema
from tunegrid.method.selective import Selective
from tunegrid.model.footprint import Footprint, of_base
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from torch.nn import Parameter
    from transformers import PreTrainedModel


@schema("method", "full")
@dataclass(kw_only=True, slots=True)
class Full(Selective):
    """Trains all parameters."""

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        return of_base(modules, matrices=True, head=True)

    def select(self, model: "PreTrainedModel") -> "dict[str, Parameter]":
        return dict(model.named_parameters())
