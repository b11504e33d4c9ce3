"""Only the token embeddings are trained, and with them a head that shares their weights."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import schema
from tunegrid.method.selective import Selective

if TYPE_CHECKING:
    from torch.nn import Parameter
    from transformers import PreTrainedModel


@schema("method", "embeddings")
@dataclass(kw_only=True, slots=True)
class Embeddings(Selective):
    """Trains the input embeddings."""

    def select(self, model: "PreTrainedModel") -> "dict[str, Parameter]":
        own = {id(value) for value in model.get_input_embeddings().parameters()}
        return {name: value for name, value in model.named_parameters() if id(value) in own}
