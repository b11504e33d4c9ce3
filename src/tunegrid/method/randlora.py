"""RandLoRA: a sum of scaled random low-rank matrices of full rank (Albert et al. 2025, arXiv 2502.00987)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, cast

from tunegrid.config import require, schema
from tunegrid.method import Method
from tunegrid.method.adapted_layers import adapted_layers
from tunegrid.model import Model
from tunegrid.model.count import adapted
from tunegrid.model.footprint import Footprint, in_layers
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from peft import RandLoraConfig
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


@schema("method", "randlora")
@dataclass(kw_only=True, slots=True)
class Randlora(Method):
    """W' = W + s Σⱼ Bⱼ diag(λⱼ) A diag(γⱼ), as many j as make full rank.

    The B and A are random, frozen and shared by all layers.
    """

    rank: int
    """r of each random matrix: a smaller one means more of them, and more parameters."""
    alpha: float
    """s = alpha / r."""
    projection_seed: int
    """Of A and B."""
    targets: list[str]
    """As for LoRA: roles or last names of linear layers, or [all-linear]."""

    def __post_init__(self) -> None:
        require(self.rank >= 1, "method.rank", "be at least 1", self.rank)
        require(self.alpha > 0, "method.alpha", "be above 0", self.alpha)
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)

    def check(self, model: Model) -> None:
        adapted_layers(model, self.targets)

    def pack_family(self) -> str:
        """PEFT has one A and B in a model, so that cells which would draw others can't share it."""
        return f"randlora {self.rank} {self.projection_seed} {self.targets}"

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        r = self.rank
        layers = adapted(modules, self.targets)
        narrow = max(min(layer.columns, layer.rows) for layer in layers)
        wide = max(max(layer.columns, layer.rows) for layer in layers)
        return in_layers(
            layers,
            trained=lambda i, o: ceil(min(i, o) / r) * (r + min(i, o)),
            kept=lambda i, o: ceil(min(i, o) / r) * r,
            whole=lambda i, o: ceil(min(i, o) / r) * r * min(i, o),
            frozen=r * (narrow + ceil(narrow / r) * wide),
        )

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.peft_layers import PeftLayers

        return PeftLayers(self._peft)

    def _peft(self, model: "PreTrainedModel") -> "RandLoraConfig":
        from peft import RandLoraConfig

        from tunegrid.model.target_layers import target_layers

        return RandLoraConfig(
            r=self.rank,
            randlora_alpha=cast(int, self.alpha),  # PEFT divides it by the rank; any float will do
            projection_prng_key=self.projection_seed,
            target_modules=target_layers(model, self.targets),
        )
