"""PEFT's tuners that work inside layers: LoRA and its relatives, IA3, OFT, … Imports torch and peft."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from peft import PeftConfig, PeftModel, get_peft_model
from peft.tuners.tuners_utils import BaseTuner
from torch.nn import Module, Parameter
from transformers import PreTrainedModel

from tunegrid.adaptation import Adaptation
from tunegrid.adaptation.peft_files import load_adapter, save_adapter
from tunegrid.model.quantisation import Quantisation
from tunegrid.model.split_attention import fuse, split
from tunegrid.pack.peft_layer import route_layers
from tunegrid.pack.route import Router


@dataclass(frozen=True, slots=True)
class PeftLayers(Adaptation):
    """Adapters by PEFT, several on one base, each cell's rows through its own."""

    settings: Callable[[PreTrainedModel], PeftConfig]
    """The tuner's config for a model."""
    rate_factors: Mapping[str, float] = field(default_factory=dict)
    """Learning-rate factors of the parameters whose name contains the key."""
    quantisation: Quantisation | None = None
    """Of the base in training; a loaded adapter's base has the same values in full precision."""

    def attach(self, model: Module, name: str) -> Module:
        if isinstance(model, PeftModel):
            model.add_adapter(name, self.settings(cast(PreTrainedModel, model.get_base_model())))
            return model
        base = cast(PreTrainedModel, model)
        return get_peft_model(base, self.settings(base), adapter_name=name)

    def route(self, model: Module, router: Router) -> None:
        route_layers(model, router)

    def trainable(self, model: Module, name: str) -> dict[str, Parameter]:
        prefix = cast(BaseTuner, cast(PeftModel, model).base_model).prefix
        return {
            _without(key, name): parameter
            for key, parameter in model.named_parameters()
            if name in key.split(".") and prefix in key
        }

    def save(self, model: Module, name: str, folder: Path) -> None:
        save_adapter(cast(PeftModel, model), name, folder)

    def load(self, model: PreTrainedModel, folder: Path) -> Module:
        if self.quantisation is not None:
            from tunegrid.model.quantise import rounded

            model = fuse(rounded(split(model), self.quantisation))
        return load_adapter(model, folder)

    def merged(self, model: Module) -> PreTrainedModel:
        tuner = cast(BaseTuner, cast(PeftModel, model).base_model)
        return fuse(cast(PreTrainedModel, tuner.merge_and_unload(safe_merge=True)))

    def rate_factor(self, parameter: str) -> float:
        return next((factor for part, factor in self.rate_factors.items() if part in parameter), 1.0)


def _without(key: str, name: str) -> str:
    """A parameter's name without its adapter's, and without the ending that says what it is anyway."""
    return ".".join(part for part in key.removesuffix(".weight").split(".") if part != name)
