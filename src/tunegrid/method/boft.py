"""BOFT: the inputs of each weight are rotated by a product of butterflies (Liu et al. 2023, arXiv 2311.06243)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.method import Method
from tunegrid.method.adapted_layers import adapted_linear_layers
from tunegrid.model import Model
from tunegrid.model.count import adapted
from tunegrid.model.footprint import Footprint, in_layers, total
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from peft import BOFTConfig
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


@schema("method", "boft")
@dataclass(kw_only=True, slots=True)
class Boft(Method):
    """W' = diag(s) W B₁ … B_m, each B orthogonal and block-diagonal between two permutations.

    With m = 1 it is OFT, but for the scale s of each output.
    """

    factors: int
    """m: each doubles the inputs that an output of the rotation can depend on."""
    block_size: int
    """b: rows of each block of a factor; even. 2^(m−1) blocks divide the inputs of every layer."""
    targets: list[str]
    """As for LoRA: roles or last names of linear layers, or [all-linear]."""

    def __post_init__(self) -> None:
        require(self.factors >= 1, "method.factors", "be at least 1", self.factors)
        even = self.block_size >= 2 and self.block_size % 2 == 0
        require(even, "method.block_size", "be even and at least 2", self.block_size)
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)

    def check(self, model: Model) -> None:
        widest = self.block_size * 2 ** (self.factors - 1)
        for layer in adapted_linear_layers(model, self.targets, "boft"):
            rule = f"divide {layer.columns}, the inputs of {layer.name}, times 2^(method.factors - 1)"
            require(layer.columns % widest == 0, "method.block_size", rule, self.block_size)

    def pack_family(self) -> str:
        """PEFT has one set of permutations in a layer."""
        return f"boft {self.factors} {self.block_size}"

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        """PEFT multiplies whole matrices (i, i): a permutation, a factor and a product so far for each factor."""
        m, layers = self.factors, adapted(modules, self.targets)
        own = in_layers(
            layers,
            trained=lambda i, o: m * i * self.block_size + o,
            kept=lambda i, o: o,
            inputs=True,
            whole=lambda i, o: (2 * m + 1) * i * i,
            frozen=total(layers, lambda i, o: m * i * i),
        )
        return replace(own, in_float32=False)

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.butterfly import compute_in_torch
        from tunegrid.adaptation.peft_layers import PeftLayers

        compute_in_torch()
        return PeftLayers(self._peft)

    def _peft(self, model: "PreTrainedModel") -> "BOFTConfig":
        from peft import BOFTConfig

        from tunegrid.model.target_layers import target_layers

        return BOFTConfig(
            boft_n_butterfly_factor=self.factors,
            boft_block_size=self.block_size,
            target_modules=target_layers(model, self.targets),
        )
