"""LoKr: a Kronecker product, its larger factor of low rank (Yeh et al. 2023, arXiv 2309.14859)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, cast

from tunegrid.config import require, schema
from tunegrid.method import Method
from tunegrid.method.adapted_layers import adapted_linear_layers
from tunegrid.model import Model
from tunegrid.model.count import adapted
from tunegrid.model.footprint import Footprint, in_layers, zero
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from peft import LoKrConfig
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


@schema("method", "lokr")
@dataclass(kw_only=True, slots=True)
class Lokr(Method):
    """W' = W + s C ⊗ (B A)."""

    rank: int
    """r of the larger factor; one that would not be smaller for it is trained whole."""
    alpha: float
    """s = alpha / r."""
    factor: int | None
    """Rows and columns of C where it divides a layer's; null: those that make the two factors most alike."""
    targets: list[str]
    """As for LoRA: roles or last names of linear layers, or [all-linear]."""

    def __post_init__(self) -> None:
        require(self.rank >= 1, "method.rank", "be at least 1", self.rank)
        require(self.alpha > 0, "method.alpha", "be above 0", self.alpha)
        require(self.factor is None or self.factor >= 1, "method.factor", "be at least 1 or null", self.factor)
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)

    def check(self, model: Model) -> None:
        adapted_linear_layers(model, self.targets, "lokr")

    def pack_family(self) -> str:
        return "lokr"

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        layers = adapted(modules, self.targets)
        return in_layers(layers, trained=self._factors, kept=zero, inputs=True, whole=lambda i, o: i * o)

    def _factors(self, inputs: int, outputs: int) -> int:
        """Parameters of C, which is whole, and of the other factor, which is where its rank would not be smaller."""
        (small_in, large_in), (small_out, large_out) = (_factored(size, self.factor) for size in (inputs, outputs))
        low = self.rank < max(large_in, large_out) / 2
        return small_in * small_out + (self.rank * (large_in + large_out) if low else large_in * large_out)

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.peft_layers import PeftLayers

        return PeftLayers(self._peft)

    def _peft(self, model: "PreTrainedModel") -> "LoKrConfig":
        from peft import LoKrConfig

        from tunegrid.model.target_layers import target_layers

        return LoKrConfig(
            r=self.rank,
            alpha=cast(int, self.alpha),  # PEFT divides it by the rank; any float will do
            decompose_factor=self.factor or -1,
            target_modules=target_layers(model, self.targets),
        )


def _factored(size: int, wanted: int | None) -> tuple[int, int]:
    """A product that is `size`: of `wanted` where it divides it, else of the most alike with the first below that."""
    if wanted is not None and size % wanted == 0:
        return wanted, size // wanted
    divisors = [d for d in range(1, isqrt(size) + 1) if size % d == 0 and d <= (wanted or size)]
    return divisors[-1], size // divisors[-1]
