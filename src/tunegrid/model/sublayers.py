"""Where the sublayers of a transformer end: the projections back to the residual stream. Imports no torch."""

from collections.abc import Collection, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Any

from tunegrid.model.layer_names import ROLES
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from torch.nn import Module


class Sublayer(Enum):
    """A part of a transformer layer with a residual connection around it."""

    attention = "attention"
    """Also an encoder-decoder's cross-attention."""
    mlp = "mlp"


MLPS = ("mlp", "DenseReluDense", "feed_forward", "ffn")
"""What architectures call the module that holds an MLP."""
OUTPUTS = {
    Sublayer.attention: ROLES["output"],
    Sublayer.mlp: ("down_proj", "c_proj", "wo", "fc2", "w2", "dense_4h_to_h"),
}
"""What architectures call the last projection of a sublayer."""


def output_projections(model: "Module", sublayers: Collection[Sublayer]) -> Iterator[tuple[str, Any]]:
    """Each chosen sublayer's last projection and its name in the model without adapters of other kinds.

    Where an adapter wraps the projection, the projection inside.
    """
    for name, module in model.named_modules():
        if _ends(name, sublayers):
            yield name.removeprefix("base_model.model."), getattr(module, "base_layer", module)


def output_names(modules: Collection[Shape], sublayers: Collection[Sublayer]) -> list[str]:
    """The names of the same projections, from shapes alone."""
    return [module.name for module in modules if _ends(module.name, sublayers)]


def _ends(name: str, sublayers: Collection[Sublayer]) -> bool:
    parent, _, last = name.rpartition(".")
    own = Sublayer.mlp if parent.rpartition(".")[2] in MLPS else Sublayer.attention
    return own in sublayers and last in OUTPUTS[own]
