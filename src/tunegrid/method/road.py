"""RoAd: the outputs of each layer are rotated and scaled in pairs (Liao and Monz 2024, arXiv 2409.00119)."""

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
    from peft import RoadConfig
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


@schema("method", "road")
@dataclass(kw_only=True, slots=True)
class Road(Method):
    """RoAd₁: one angle and one scale for each pair of outputs."""

    group_size: int
    """Outputs in a group, whose halves are paired. It divides the outputs of every layer."""
    targets: list[str]
    """As for LoRA: roles or last names of linear layers, or [all-linear]."""

    def __post_init__(self) -> None:
        require(
            self.group_size >= 2 and self.group_size % 2 == 0,
            "method.group_size",
            "be even and at least 2",
            self.group_size,
        )
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)

    def check(self, model: Model) -> None:
        for layer in adapted_linear_layers(model, self.targets, "road"):
            rule = f"divide {layer.rows}, the outputs of {layer.name}"
            require(layer.rows % self.group_size == 0, "method.group_size", rule, self.group_size)

    def pack_family(self) -> str:
        return "road"

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        return in_layers(adapted(modules, self.targets), trained=lambda i, o: o, kept=lambda i, o: 2 * o)

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.peft_layers import PeftLayers

        return PeftLayers(self._peft)

    def _peft(self, model: "PreTrainedModel") -> "RoadConfig":
        from peft import RoadConfig

        from tunegrid.model.target_layers import target_layers

        return RoadConfig(
            variant="road_1",
            group_size=self.group_size,
            target_modules=target_layers(model, self.targets),
        )
