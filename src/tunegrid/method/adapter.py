"""Bottleneck adapters (Houlsby et al. 2019, arXiv 1902.00751; Pfeiffer et al. 2020, arXiv 2005.00247)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.method import Method
from tunegrid.model.footprint import Footprint, Kept
from tunegrid.model.shapes import Shape
from tunegrid.model.sublayers import Sublayer, output_names

if TYPE_CHECKING:
    from tunegrid.adaptation import Adaptation


class Placement(Enum):
    """Behind which sublayers of each layer."""

    houlsby = "houlsby"
    """Attention and MLP."""
    pfeiffer = "pfeiffer"
    """MLP."""


class Activation(Enum):
    """Between the two matrices."""

    relu = "relu"
    gelu = "gelu"
    silu = "silu"


@schema("method", "adapter")
@dataclass(kw_only=True, slots=True)
class Adapter(Method):
    """Two small matrices and a nonlinearity with a residual connection around them; the identity at the start."""

    placement: Placement
    bottleneck: int
    """Width between the two matrices."""
    activation: Activation

    def __post_init__(self) -> None:
        require(self.bottleneck >= 1, "method.bottleneck", "be at least 1", self.bottleneck)

    def _behind(self) -> tuple[Sublayer, ...]:
        return (Sublayer.mlp,) if self.placement is Placement.pfeiffer else (Sublayer.attention, Sublayer.mlp)

    def pack_family(self) -> str:
        return "lora"

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        names, m = set(output_names(modules, self._behind())), self.bottleneck
        widths = [layer.rows for layer in modules if layer.name in names]
        return Footprint(
            trained=sum(2 * m * d + m + d for d in widths),
            kept=tuple(Kept(layer, layer.rows + 2 * m) for layer in modules if layer.name in names),
            whole=sum(2 * m * d for d in widths),
        )

    def adaptation(self) -> "Adaptation":
        import torch.nn.functional as F  # noqa: N812

        from tunegrid.adaptation.bottleneck import Bottlenecks

        return Bottlenecks(self._behind(), self.bottleneck, getattr(F, self.activation.value))
