"""MiSS: one small matrix, added to every group of r inputs (Kang and Yin 2024, arXiv 2409.15371)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.method import Method
from tunegrid.method.adapted_layers import adapted_linear_layers
from tunegrid.model import Model
from tunegrid.model.count import adapted
from tunegrid.model.footprint import Footprint, in_layers
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from peft import MissConfig
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


@schema("method", "miss")
@dataclass(kw_only=True, slots=True)
class Miss(Method):
    """W' = W + the transpose of a trained (r, d_out) matrix, repeated along the inputs."""

    rank: int
    """r: the inputs in a group."""
    targets: list[str]
    """As for LoRA: roles or last names of linear layers, or [all-linear]."""

    def __post_init__(self) -> None:
        require(self.rank >= 1, "method.rank", "be at least 1", self.rank)
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)

    def check(self, model: Model) -> None:
        for layer in adapted_linear_layers(model, self.targets, "miss"):
            rule = f"be at most {layer.columns}, the inputs of {layer.name}"
            require(self.rank <= layer.columns, "method.rank", rule, self.rank)

    def pack_family(self) -> str:
        return "miss"

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        r = self.rank
        return in_layers(adapted(modules, self.targets), trained=lambda i, o: r * o, kept=lambda i, o: r)

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.peft_layers import PeftLayers

        return PeftLayers(self._peft)

    def _peft(self, model: "PreTrainedModel") -> "MissConfig":
        from peft import MissConfig

        from tunegrid.model.target_layers import target_layers

        return MissConfig(
            r=self.rank,
            target_modules=target_layers(model, self.targets),
        )
