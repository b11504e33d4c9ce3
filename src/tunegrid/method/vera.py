"""VeRA: two trained vectors around random matrices that all layers share (Kopiczko et al. 2023, arXiv 2310.11454)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.method import Method
from tunegrid.method.adapted_layers import adapted_layers
from tunegrid.model import Model
from tunegrid.model.count import adapted
from tunegrid.model.footprint import Footprint, in_layers
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from peft import VeraConfig
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


@schema("method", "vera")
@dataclass(kw_only=True, slots=True)
class Vera(Method):
    """W' = W + diag(b) B diag(d) A with A and B random and frozen."""

    rank: int
    """Rows of A."""
    d_initial: float
    """Of d; b starts at zero."""
    projection_seed: int
    """Of A and B."""
    targets: list[str]
    """As for LoRA: roles or last names of linear layers, or [all-linear]."""

    def __post_init__(self) -> None:
        require(self.rank >= 1, "method.rank", "be at least 1", self.rank)
        require(
            self.d_initial != 0, "method.d_initial", "differ from 0, where nothing would be learned", self.d_initial
        )
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)

    def check(self, model: Model) -> None:
        adapted_layers(model, self.targets)

    def pack_family(self) -> str:
        """PEFT has one A and B in a model, so that cells which would draw others can't share it."""
        return f"vera {self.rank} {self.projection_seed} {self.targets}"

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        r = self.rank
        layers = adapted(modules, self.targets)
        return in_layers(
            layers,
            trained=lambda i, o: r + o,
            kept=lambda i, o: r + o,
            frozen=r * (max(layer.columns for layer in layers) + max(layer.rows for layer in layers)),
        )

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.peft_layers import PeftLayers

        return PeftLayers(self._peft)

    def _peft(self, model: "PreTrainedModel") -> "VeraConfig":
        from peft import VeraConfig

        from tunegrid.model.target_layers import target_layers

        return VeraConfig(
            r=self.rank,
            d_initial=self.d_initial,
            projection_prng_key=self.projection_seed,
            target_modules=target_layers(model, self.targets),
        )
