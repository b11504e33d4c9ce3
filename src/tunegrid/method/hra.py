"""HRA: a chain of trained Householder reflections before each weight (Yuan et al. 2024, arXiv 2405.17484)."""

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
    from peft import HRAConfig
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


@schema("method", "hra")
@dataclass(kw_only=True, slots=True)
class Hra(Method):
    """W' = W (I − 2u₁u₁ᵀ) … (I − 2u_r u_rᵀ), each u of length 1."""

    rank: int
    """r: reflections; even, so that they cancel in pairs at the start."""
    targets: list[str]
    """As for LoRA: roles or last names of linear layers, or [all-linear]."""

    def __post_init__(self) -> None:
        require(self.rank >= 2 and self.rank % 2 == 0, "method.rank", "be even and at least 2", self.rank)
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)

    def check(self, model: Model) -> None:
        adapted_linear_layers(model, self.targets, "hra")

    def pack_family(self) -> str:
        return "hra"

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        r = self.rank
        return in_layers(
            adapted(modules, self.targets),
            trained=lambda i, o: r * i,
            kept=zero,
            inputs=True,
            whole=lambda i, o: (r + 1) * i * i + 2 * i * o,  # the product after each reflection, then the weight's
        )

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.peft_layers import PeftLayers

        return PeftLayers(self._peft)

    def _peft(self, model: "PreTrainedModel") -> "HRAConfig":
        from peft import HRAConfig

        from tunegrid.model.target_layers import target_layers

        return HRAConfig(
            r=self.rank,
            target_modules=target_layers(model, self.targets),
        )
