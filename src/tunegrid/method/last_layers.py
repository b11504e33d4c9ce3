"""The last k layers are trained and the rest stays: the oldest way to adapt a network."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.method.selective import Selective
from tunegrid.model import Model
from tunegrid.model.footprint import Footprint, of_base
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from torch.nn import Parameter
    from transformers import PreTrainedModel

LAYER = re.compile(r"(?:model\.layers|transformer\.h|decoder\.block)\.(\d+)\.")
"""What the names of a decoder's layers begin with, in the architectures whose shapes are known."""
FINAL_NORM = re.compile(r"model\.norm|transformer\.ln_f|decoder\.final_layer_norm")
COUNTS = ("num_decoder_layers", "num_hidden_layers", "n_layer", "num_layers")
"""What architectures call the number of their layers; in an encoder-decoder, of its decoder."""


@schema("method", "last_layers")
@dataclass(kw_only=True, slots=True)
class LastLayers(Selective):
    """Trains the last layers, of the decoder in an encoder-decoder, and the norm behind them."""

    layers: int
    """k."""

    def __post_init__(self) -> None:
        require(self.layers >= 1, "method.layers", "be at least 1", self.layers)

    def check(self, model: Model) -> None:
        values = model.config_values()
        there = next((int(values[key]) for key in COUNTS if values.get(key)), self.layers)
        rule = f"be at most {there}, the layers of the model"
        require(self.layers <= there, "method.layers", rule, self.layers)

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        found = [(int(match[1]), module) for module in modules if (match := LAYER.match(module.name))]
        there = 1 + max(number for number, _ in found)
        last = [module for number, module in found if number >= there - self.layers]
        behind = [module for module in modules if FINAL_NORM.fullmatch(module.name)]
        return of_base([*last, *behind], matrices=True, head=False, depth=self.layers)

    def select(self, model: "PreTrainedModel") -> "dict[str, Parameter]":
        from torch.nn import ModuleList

        children = list(model.get_decoder().children())
        place = next(i for i, child in enumerate(children) if isinstance(child, ModuleList))
        behind = [child for child in children[place + 1 :] if getattr(child, "weight", None) is not None]
        trained = {id(p) for module in (*children[place][-self.layers :], *behind) for p in module.parameters()}
        return {name: value for name, value in model.named_parameters() if id(value) in trained}
