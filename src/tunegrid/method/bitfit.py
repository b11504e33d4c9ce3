"""BitFit: only the biases are trained (Ben Zaken et al. 2021, arXiv 2106.10199)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import schema
from tunegrid.errors import ConfigError
from tunegrid.method.selective import Selective
from tunegrid.model import Model
from tunegrid.model.footprint import Footprint
from tunegrid.model.shapes import Shape, known_shapes

if TYPE_CHECKING:
    from torch.nn import Parameter
    from transformers import PreTrainedModel


@schema("method", "bitfit")
@dataclass(kw_only=True, slots=True)
class BitFit(Selective):
    """Trains every bias of the model, those of its norms among them."""

    def check(self, model: Model) -> None:
        modules = known_shapes(model.config_values())
        if modules is not None and not any(module.bias for module in modules):
            raise _refusal(model.config_values().get("model_type"))

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        return Footprint(trained=sum(module.bias for module in modules), of_base=True)

    def select(self, model: "PreTrainedModel") -> "dict[str, Parameter]":
        found = {name: value for name, value in model.named_parameters() if name.endswith(".bias")}
        if not found:
            raise _refusal(model.config.model_type)
        return found


def _refusal(architecture: object) -> ConfigError:
    return ConfigError(
        f"method=bitfit trains biases, and this model ({architecture}) has none; "
        "the nearest alternative is method=layer_norm, which trains the weights of its norms"
    )
