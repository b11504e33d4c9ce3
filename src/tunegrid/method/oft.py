"""OFT: the inputs of each weight are rotated in blocks (Qiu et al. 2023, arXiv 2306.07280)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.method import Method
from tunegrid.method.adapted_layers import adapted_linear_layers
from tunegrid.model import Model
from tunegrid.model.count import adapted
from tunegrid.model.footprint import Footprint, in_layers, zero
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from peft import OFTConfig
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


@schema("method", "oft")
@dataclass(kw_only=True, slots=True)
class Oft(Method):
    """W' = W diag(R₁, …, R_d/b), each R orthogonal by the Cayley transform of a skew-symmetric matrix."""

    block_size: int
    """b: rows of each R. It divides the inputs of every layer."""
    targets: list[str]
    """As for LoRA: roles or last names of linear layers, or [all-linear]."""

    def __post_init__(self) -> None:
        require(self.block_size >= 2, "method.block_size", "be at least 2", self.block_size)
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)

    def check(self, model: Model) -> None:
        for layer in adapted_linear_layers(model, self.targets, "oft"):
            rule = f"divide {layer.columns}, the inputs of {layer.name}"
            require(layer.columns % self.block_size == 0, "method.block_size", rule, self.block_size)

    def pack_family(self) -> str:
        return "oft"

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        b = self.block_size
        return in_layers(
            adapted(modules, self.targets),
            trained=lambda i, o: i * (b - 1) // 2,
            kept=zero,
            inputs=True,
            whole=lambda i, o: 3 * i * b,
        )

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.peft_layers import PeftLayers

        return PeftLayers(self._peft)

    def _peft(self, model: "PreTrainedModel") -> "OFTConfig":
        from peft import OFTConfig

        from tunegrid.model.target_layers import target_layers

        return OFTConfig(
            r=0,  # PEFT takes one of the two
            oft_block_size=self.block_size,
            use_cayley_neumann=False,  # a truncated series of the same transform, not quite orthogonal
            target_modules=target_layers(model, self.targets),
        )
