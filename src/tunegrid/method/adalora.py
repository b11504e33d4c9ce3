"""AdaLoRA: a rank for each layer, found in training (Zhang et al. 2023, arXiv 2303.10512)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from tunegrid.config import require, schema
from tunegrid.method import Alone, Method
from tunegrid.method.adapted_layers import adapted_layers
from tunegrid.model import Model
from tunegrid.model.count import adapted
from tunegrid.model.footprint import Footprint, in_layers
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from peft import AdaLoraConfig
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


@schema("method", "adalora")
@dataclass(kw_only=True, slots=True)
class Adalora(Method):
    """W' = W + s P Λ Q, Λ diagonal; the entries of Λ that matter least in the whole model are set to zero."""

    initial_rank: int
    """Of every layer."""
    target_rank: int
    """Mean over the layers at the end."""
    alpha: float
    """s = alpha / initial_rank."""
    targets: list[str]
    """As for LoRA: roles or last names of linear layers, or [all-linear]."""
    dropout: float
    """On the adapter's input."""
    steps: int
    """Of the whole training."""
    initial_share: float
    """t_i: of the steps, those before the budget shrinks."""
    final_share: float
    """t_f: of the steps, those after it has reached its end."""
    interval: int
    """Δ_T: steps between two allocations of the budget."""
    sensitivity_decay: float
    """β₁: of the moving average of |weight · gradient|."""
    uncertainty_decay: float
    """β₂: of the moving average of its deviations."""
    orthogonality: float
    """γ: strength of the penalty on P and Q that are not orthogonal."""

    def __post_init__(self) -> None:
        require(self.target_rank >= 1, "method.target_rank", "be at least 1", self.target_rank)
        rule = f"be above method.target_rank, {self.target_rank}"
        require(self.initial_rank > self.target_rank, "method.initial_rank", rule, self.initial_rank)
        require(self.alpha > 0, "method.alpha", "be above 0", self.alpha)
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)
        require(0 <= self.dropout < 1, "method.dropout", "be at least 0 and below 1", self.dropout)
        require(self.interval >= 1, "method.interval", "be at least 1", self.interval)
        require(self.orthogonality >= 0, "method.orthogonality", "be at least 0", self.orthogonality)
        for key in ("sensitivity_decay", "uncertainty_decay"):
            require(0 < getattr(self, key) < 1, f"method.{key}", "be above 0 and below 1", getattr(self, key))
        self._check_schedule()

    def _check_schedule(self) -> None:
        require(self.initial_share >= 0, "method.initial_share", "be at least 0", self.initial_share)
        require(self.final_share >= 0, "method.final_share", "be at least 0", self.final_share)
        rule = f"leave a step for the budget to shrink of the {self.steps} in training"
        require(self._first() < self.steps - self._last(), "method.final_share", rule, self.final_share)
        averaged = self.steps - self._last() >= 2
        require(averaged, "method.final_share", "leave a step to estimate in before the last budget", self.final_share)

    def _first(self) -> int:
        return round(self.initial_share * self.steps)

    def _last(self) -> int:
        return round(self.final_share * self.steps)

    def check(self, model: Model) -> None:
        adapted_layers(model, self.targets)

    def pack_family(self) -> str | Alone:
        return Alone("PEFT trains one AdaLoRA in a model")

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        r = self.initial_rank
        return in_layers(
            adapted(modules, self.targets),
            trained=lambda i, o: r * (i + o + 1),
            kept=lambda i, o: r,
            inputs=True,
            whole=lambda i, o: r * i,
        )

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.adaptive_ranks import AdaptiveRanks
        from tunegrid.adaptation.peft_layers import PeftLayers

        return AdaptiveRanks(PeftLayers(self._peft), self.orthogonality)

    def _peft(self, model: "PreTrainedModel") -> "AdaLoraConfig":
        from peft import AdaLoraConfig

        from tunegrid.model.target_layers import target_layers

        return AdaLoraConfig(
            init_r=self.initial_rank,
            target_r=self.target_rank,
            lora_alpha=cast(int, self.alpha),  # any float will do
            lora_dropout=self.dropout,
            total_step=self.steps,
            tinit=self._first(),
            tfinal=self._last(),
            deltaT=self.interval,
            beta1=self.sensitivity_decay,
            beta2=self.uncertainty_decay,
            target_modules=target_layers(model, self.targets),
        )
