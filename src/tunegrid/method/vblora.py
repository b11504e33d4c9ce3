"""VB-LoRA: LoRAs put together from one bank of vectors (Li et al. 2024, arXiv 2405.15179)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.method import Method
from tunegrid.method.adapted_layers import adapted_layers
from tunegrid.model import Model
from tunegrid.model.count import adapted
from tunegrid.model.footprint import Footprint, in_layers
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from peft import VBLoRAConfig
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


@schema("method", "vblora")
@dataclass(kw_only=True, slots=True)
class Vblora(Method):
    """LoRA whose A and B are cut into pieces, each a mixture of the k vectors of the bank that its logits prefer."""

    rank: int
    """r of each layer's LoRA."""
    vectors: int
    """h: in the bank, which all layers share."""
    vector_length: int
    """b: it divides the inputs and outputs of every layer."""
    top_k: int
    """k."""
    logits_rate_ratio: float
    """The logits' learning rate over the bank's."""
    targets: list[str]
    """As for LoRA: roles or last names of linear layers, or [all-linear]."""

    def __post_init__(self) -> None:
        require(self.rank >= 1, "method.rank", "be at least 1", self.rank)
        require(self.vector_length >= 1, "method.vector_length", "be at least 1", self.vector_length)
        require(1 <= self.top_k <= self.vectors, "method.top_k", f"be 1 to method.vectors, {self.vectors}", self.top_k)
        require(self.logits_rate_ratio > 0, "method.logits_rate_ratio", "be above 0", self.logits_rate_ratio)
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)

    def check(self, model: Model) -> None:
        for layer in adapted_layers(model, self.targets):
            rule = f"divide {layer.columns} and {layer.rows}, the inputs and outputs of {layer.name}"
            divides = layer.columns % self.vector_length == layer.rows % self.vector_length == 0
            require(divides, "method.vector_length", rule, self.vector_length)

    def pack_family(self) -> str:
        return "vblora"

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        h, b, r = self.vectors, self.vector_length, self.rank
        found = in_layers(
            adapted(modules, self.targets),
            trained=lambda i, o: r * (i + o) * h // b,
            kept=lambda i, o: r,
            inputs=True,
            whole=lambda i, o: 3 * r * (i + o),
        )
        return replace(found, trained=found.trained + h * b)

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.peft_layers import PeftLayers

        return PeftLayers(self._peft, {"vblora_logits": self.logits_rate_ratio})

    def _peft(self, model: "PreTrainedModel") -> "VBLoRAConfig":
        from peft import VBLoRAConfig

        from tunegrid.model.target_layers import target_layers

        return VBLoRAConfig(
            r=self.rank,
            num_vectors=self.vectors,
            vector_length=self.vector_length,
            topk=self.top_k,
            target_modules=target_layers(model, self.targets),
        )
