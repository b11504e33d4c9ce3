"""DoRA: a LoRA on the direction of each weight, and its magnitude apart (Liu et al. 2024, arXiv 2402.09353)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from tunegrid.config import require, schema
from tunegrid.method import Method
from tunegrid.method.adapted_layers import adapted_layers
from tunegrid.model import Model
from tunegrid.model.count import adapted
from tunegrid.model.footprint import Footprint, in_layers
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


@schema("method", "dora")
@dataclass(kw_only=True, slots=True)
class Dora(Method):
    """W' = m · (W + s B A) / ‖W + s B A‖, a norm for each output.

    The gradient takes the norm for a constant (section 4.3).
    """

    rank: int
    """r."""
    alpha: float
    """s = alpha / r."""
    dropout: float
    """On the input of A."""
    targets: list[str]
    """As for LoRA: roles or last names of linear layers, or [all-linear]."""

    def __post_init__(self) -> None:
        require(self.rank >= 1, "method.rank", "be at least 1", self.rank)
        require(self.alpha > 0, "method.alpha", "be above 0", self.alpha)
        require(0 <= self.dropout < 1, "method.dropout", "be at least 0 and below 1", self.dropout)
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)

    def check(self, model: Model) -> None:
        adapted_layers(model, self.targets)

    def pack_family(self) -> str:
        return "lora"

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        r = self.rank
        return in_layers(
            adapted(modules, self.targets),
            trained=lambda i, o: r * (i + o) + o,
            kept=lambda i, o: r + 3 * o,
            inputs=True,
            whole=lambda i, o: i * (i + r + o),  # A of the unit vectors, for the norm
        )

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.peft_layers import PeftLayers

        return PeftLayers(self._peft)

    def _peft(self, model: "PreTrainedModel") -> "LoraConfig":
        from peft import LoraConfig

        from tunegrid.model.target_layers import target_layers

        return LoraConfig(
            r=self.rank,
            lora_alpha=cast(int, self.alpha),  # PEFT divides it by the rank; any float will do
            lora_dropout=self.dropout,
            use_dora=True,
            target_modules=target_layers(model, self.targets),
        )
