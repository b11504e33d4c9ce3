"""Only the token embeddings are trained, and with them a head that shares their weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import schema
from tunegrid.method.selective import Selective
from tunegrid.model.footprint import Footprint, of_base
from tunegrid.model.shapes import Kind, Shape

if TYPE_CHECKING:
    from torch.nn import Parameter
    from transformers import PreTrainedModel


@schema("method", "embeddings")
@dataclass(kw_only=True, slots=True)
class Embeddings(Selective):
    """Trains the input embeddings."""

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        tied = not any(module.kind is Kind.HEAD for module in modules)
        return of_base(modules[:1], matrices=False, head=tied)

    def select(self, model: "PreTrainedModel") -> "dict[str, Parameter]":
        own = {id(value) for value in model.get_input_embeddings().parameters()}
        return {name: value for name, value in model.named_parameters() if id(value) in own}
