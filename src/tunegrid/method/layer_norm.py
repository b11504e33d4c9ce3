"""Only the norms are trained (Zhao et al. 2023, arXiv 2312.11420)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tunegrid.config import schema
from tunegrid.method.selective import Selective
from tunegrid.model.footprint import Footprint, Kept, of_base
from tunegrid.model.shapes import Kind, Shape

if TYPE_CHECKING:
    from torch.nn import Parameter
    from transformers import PreTrainedModel


@schema("method", "layer_norm")
@dataclass(kw_only=True, slots=True)
class LayerNorm(Selective):
    """Trains the weight, and the bias where there is one, of every LayerNorm and RMSNorm."""

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        norms = [module for module in modules if module.kind is Kind.VECTOR]
        return replace(
            of_base(norms, matrices=False, head=False), kept=tuple(Kept(norm, norm.columns) for norm in norms)
        )

    def select(self, model: "PreTrainedModel") -> "dict[str, Parameter]":
        return {
            f"{place}.{name}": value
            for place, module in model.named_modules()
            if getattr(module, "weight", None) is not None and module.weight.dim() == 1  # nothing else is a vector
            for name, value in module.named_parameters(recurse=False)
        }
