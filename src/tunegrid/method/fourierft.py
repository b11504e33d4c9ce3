"""FourierFT: some entries of the update's Fourier transform (Gao et al. 2024, arXiv 2405.03003)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.method import Method
from tunegrid.method.adapted_layers import adapted_layers
from tunegrid.model import Model
from tunegrid.model.count import adapted
from tunegrid.model.footprint import Footprint, in_layers, zero
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from peft import FourierFTConfig
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


@schema("method", "fourierft")
@dataclass(kw_only=True, slots=True)
class Fourierft(Method):
    """W' = W + α · Re IDFT(F), F zero but for n trained entries at random places, the same in all layers of a shape."""

    frequencies: int
    """n, in each layer."""
    scaling: float
    """α."""
    entry_seed: int
    """Of the places."""
    targets: list[str]
    """As for LoRA: roles or last names of linear layers, or [all-linear]."""

    def __post_init__(self) -> None:
        require(self.frequencies >= 1, "method.frequencies", "be at least 1", self.frequencies)
        require(self.scaling > 0, "method.scaling", "be above 0", self.scaling)
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)

    def check(self, model: Model) -> None:
        for layer in adapted_layers(model, self.targets):
            entries = layer.rows * layer.columns
            rule = f"be at most {entries}, the entries of {layer.name}"
            require(self.frequencies <= entries, "method.frequencies", rule, self.frequencies)

    def pack_family(self) -> str:
        return "fourierft"

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        n = self.frequencies
        return in_layers(
            adapted(modules, self.targets),
            trained=lambda i, o: n,
            kept=zero,
            inputs=True,
            whole=lambda i, o: i * o + 4 * n,
        )

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.peft_layers import PeftLayers

        return PeftLayers(self._peft)

    def _peft(self, model: "PreTrainedModel") -> "FourierFTConfig":
        from peft import FourierFTConfig

        from tunegrid.model.target_layers import target_layers

        return FourierFTConfig(
            n_frequency=self.frequencies,
            scaling=self.scaling,
            random_loc_seed=self.entry_seed,
            init_weights=True,
            target_modules=target_layers(model, self.targets),
        )
