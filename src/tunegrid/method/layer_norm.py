"""Only the norms are trained (Zhao et al. 2023, arXiv 2312.11420)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import schema
from tunegrid.method.selective import Selective

if TYPE_CHECKING:
    from torch.nn import Parameter
    from transformers import PreTrainedModel


@schema("method", "layer_norm")
@dataclass(kw_only=True, slots=True)
class LayerNorm(Selective):
    """Trains the weight, and the bias where there is one, of every LayerNorm and RMSNorm."""

    def select(self, model: "PreTrainedModel") -> "dict[str, Parameter]":
        return {
            f"{place}.{name}": value
            for place, module in model.named_modules()
            if getattr(module, "weight", None) is not None and module.weight.dim() == 1  # nothing else is a vector
            for name, value in module.named_parameters(recurse=False)
        }
