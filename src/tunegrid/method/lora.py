"""LoRA: W' = W + s · B A with W frozen (Hu et al. 2021, arXiv 2106.09685)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import sqrt
from typing import TYPE_CHECKING, cast

from tunegrid.config import require, schema
from tunegrid.method import Method
from tunegrid.method.adapted_layers import adapted_layers
from tunegrid.model import Model
from tunegrid.model.count import adapted, lora_count
from tunegrid.model.footprint import Footprint, Kept
from tunegrid.model.quantisation import Code, Quantisation
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


class AlphaPolicy(Enum):
    """How the scaling s of the update follows the rank r."""

    fixed = "fixed"
    """s = alpha / r, alpha as given (Hu et al.: 32 at every rank)."""
    proportional = "proportional"
    """s = alpha, that is PEFT's lora_alpha = alpha · r: the update's scale does not depend on the rank."""
    rslora = "rslora"
    """s = alpha / √r (Kalajdzievski 2023, arXiv 2312.03732)."""


class Initialisation(Enum):
    """Of A, B being zero at the start; or of both, with their product subtracted: training starts from the base model.

    What did not start at zero is saved as an ordinary LoRA of rank 2r; see `pack/lora_start.py`. With loftq training
    starts nearer to the base before rounding.
    """

    kaiming = "kaiming"
    """Uniform, PEFT's default and the reference implementation's."""
    normal = "normal"
    """Gaussian with standard deviation 1/r."""
    pissa = "pissa"
    """The r largest singular values of W with their vectors (Meng et al. 2024, arXiv 2404.02948)."""
    olora = "olora"
    """The first r columns of Q and rows of R, where W = Q R (Büyükakyüz 2024, arXiv 2406.01775)."""
    eva = "eva"
    """Of A: the directions in which the inputs of a layer vary most (Paischer et al. 2024, arXiv 2410.07170)."""
    loftq = "loftq"
    """Of both: what four bits have taken from W, at rank r (Li et al. 2023, arXiv 2310.08659, one step)."""


SUBTRACTED = (Initialisation.pissa, Initialisation.olora)
PEFT_NAMES = {Initialisation.normal: "gaussian", **{start: start.value for start in SUBTRACTED}}
"""What PEFT calls the initialisations that it computes; the others begin as its default."""


@schema("method", "lora")
@dataclass(kw_only=True, slots=True)
class Lora(Method):
    """Low-rank adapters on some of the linear layers, by PEFT."""

    rank: int
    """r, the inner dimension of the update."""
    alpha: float
    alpha_policy: AlphaPolicy
    targets: list[str]
    """Last parts of the names of the layers to adapt, or [all-linear]. Where a model names its query and value
    projections otherwise, `query` and `value` (and `key`, `output`) stand for them."""
    dropout: float
    """On the adapter's input."""
    initialisation: Initialisation
    rate_ratio: float
    """LoRA+ (Hayou et al. 2024, arXiv 2402.12354): B's learning rate over A's, λ; 1 is LoRA."""
    code: Code | None
    """Of the base's linear layers in four bits (QLoRA); null: they stay in the base's precision."""
    double_quantisation: bool
    """Quantise the scales of four-bit weights too."""

    def __post_init__(self) -> None:
        require(self.rank >= 1, "method.rank", "be at least 1", self.rank)
        require(self.alpha > 0, "method.alpha", "be above 0", self.alpha)
        require(0 <= self.dropout < 1, "method.dropout", "be at least 0 and below 1", self.dropout)
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)
        require(self.rate_ratio > 0, "method.rate_ratio", "be above 0", self.rate_ratio)
        rule = "be kaiming, normal, eva or loftq on a base in four bits"
        whole = self.code is None
        require(whole or self.initialisation not in SUBTRACTED, "method.initialisation", rule, self.initialisation)
        possible = not whole or self.initialisation is not Initialisation.loftq
        rule = "be another than loftq without a base in four bits, which method=qlora has"
        require(possible, "method.initialisation", rule, self.initialisation)

    def check(self, model: Model) -> None:
        layers = adapted_layers(model, self.targets)
        if self.initialisation is Initialisation.eva:
            for layer in layers:
                rule = f"be at most {layer.columns}, the inputs of {layer.name}, with method.initialisation=eva"
                require(self.rank <= layer.columns, "method.rank", rule, self.rank)

    def pack_family(self) -> str:
        return "lora" if self.code is None else f"lora on {self.quantisation()}"

    def quantisation(self) -> Quantisation | None:
        remembered = self.initialisation is Initialisation.loftq
        return None if self.code is None else Quantisation(self.code, self.double_quantisation, remembered)

    def scaling(self) -> float:
        """The s of W' = W + s · B A."""
        divisor = {AlphaPolicy.fixed: self.rank, AlphaPolicy.proportional: 1, AlphaPolicy.rslora: sqrt(self.rank)}
        return self.alpha / divisor[self.alpha_policy]

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        r = self.rank
        layers = adapted(modules, self.targets)
        start = r if self.initialisation in SUBTRACTED else 0
        return Footprint(
            trained=lora_count(layers, r),
            frozen=lora_count(layers, start),
            kept=tuple(Kept(layer, r + start + (layer.columns if self.dropout else 0)) for layer in layers),
            inputs=True,
            whole=lora_count(layers, 2 * start),
        )

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.peft_layers import PeftLayers
        from tunegrid.pack.lora_start import Start

        starts = dict.fromkeys(SUBTRACTED, Start.weights)
        starts |= {Initialisation.eva: Start.inputs, Initialisation.loftq: Start.rounding}
        start = starts.get(self.initialisation, Start.zero)
        return PeftLayers(self._peft, {"lora_B": self.rate_ratio}, start, self.quantisation())

    def _peft(self, model: "PreTrainedModel") -> "LoraConfig":
        from peft import LoraConfig

        from tunegrid.model.target_layers import target_layers

        alpha = self.alpha * self.rank if self.alpha_policy is AlphaPolicy.proportional else self.alpha
        return LoraConfig(
            r=self.rank,
            lora_alpha=cast(int, alpha),  # PEFT divides it by the rank; any float will do
            use_rslora=self.alpha_policy is AlphaPolicy.rslora,
            lora_dropout=self.dropout,
            init_lora_weights=cast(bool, PEFT_NAMES.get(self.initialisation, True)),
            target_modules=target_layers(model, self.targets),
        )
