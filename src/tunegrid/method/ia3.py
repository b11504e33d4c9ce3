"""(IA)³: keys, values and what each MLP holds inside are scaled (Liu et al. 2022, arXiv 2205.05638)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.method import Method
from tunegrid.method.adapted_layers import adapted_layers
from tunegrid.model import Model
from tunegrid.model.count import adapted
from tunegrid.model.footprint import Footprint, Kept
from tunegrid.model.shapes import Shape
from tunegrid.model.sublayers import Sublayer, output_names

if TYPE_CHECKING:
    from peft import IA3Config
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


@schema("method", "ia3")
@dataclass(kw_only=True, slots=True)
class Ia3(Method):
    """One factor for each scaled feature, 1 at the start."""

    targets: list[str]
    """Layers whose outputs are scaled: roles or last names of linear layers, or [all-linear]."""
    feedforward: bool
    """Whether the inputs of each MLP's last projection are scaled."""

    def __post_init__(self) -> None:
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)

    def check(self, model: Model) -> None:
        adapted_layers(model, self.targets)

    def pack_family(self) -> str:
        """In PEFT a layer's inputs are scaled in all cells or in none."""
        return f"ia3 {self.feedforward}"

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        within = set(output_names(modules, [Sublayer.mlp])) if self.feedforward else set()
        outputs = [layer for layer in adapted(modules, self.targets) if layer.name not in within]
        inputs = [layer for layer in modules if layer.name in within]
        kept = [Kept(layer, layer.rows) for layer in outputs] + [Kept(layer, layer.columns) for layer in inputs]
        return Footprint(trained=sum(one.numbers for one in kept), kept=tuple(kept))

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.peft_layers import PeftLayers

        return PeftLayers(self._peft)

    def _peft(self, model: "PreTrainedModel") -> "IA3Config":
        from peft import IA3Config

        from tunegrid.model.sublayers import output_projections
        from tunegrid.model.target_layers import target_layers

        targets = target_layers(model, self.targets)
        within = [name for name, _ in output_projections(model, [Sublayer.mlp])] if self.feedforward else []
        return IA3Config(
            target_modules=targets if isinstance(targets, str) else [*targets, *within],
            feedforward_modules=within,
        )
