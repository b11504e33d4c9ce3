"""LoHa: the Hadamard product of two low-rank updates (Hyeon-Woo et al. 2021, arXiv 2108.06098)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from tunegrid.config import require, schema
from tunegrid.method import Method
from tunegrid.method.adapted_layers import adapted_linear_layers
from tunegrid.model import Model
from tunegrid.model.count import adapted
from tunegrid.model.footprint import Footprint, in_layers, zero
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from peft import LoHaConfig
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


@schema("method", "loha")
@dataclass(kw_only=True, slots=True)
class Loha(Method):
    """W' = W + s (B₁ A₁) ∘ (B₂ A₂), of rank up to r²."""

    rank: int
    """r of each product."""
    alpha: float
    """s = alpha / r."""
    targets: list[str]
    """As for LoRA: roles or last names of linear layers, or [all-linear]."""

    def __post_init__(self) -> None:
        require(self.rank >= 1, "method.rank", "be at least 1", self.rank)
        require(self.alpha > 0, "method.alpha", "be above 0", self.alpha)
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)

    def check(self, model: Model) -> None:
        adapted_linear_layers(model, self.targets, "loha")

    def pack_family(self) -> str:
        return "loha"

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        r = self.rank
        return in_layers(
            adapted(modules, self.targets),
            trained=lambda i, o: 2 * r * (i + o),
            kept=zero,
            inputs=True,
            whole=lambda i, o: i * o,
        )

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.peft_layers import PeftLayers

        return PeftLayers(self._peft)

    def _peft(self, model: "PreTrainedModel") -> "LoHaConfig":
        from peft import LoHaConfig

        from tunegrid.model.target_layers import target_layers

        return LoHaConfig(
            r=self.rank,
            alpha=cast(int, self.alpha),  # PEFT divides it by the rank; any float will do
            target_modules=target_layers(model, self.targets),
        )
