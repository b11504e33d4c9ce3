"""PEFT's tuners that work inside layers: LoRA and its relatives, IA3, OFT, … Imports torch and peft."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from peft import PeftConfig, PeftModel, get_peft_model
from peft.tuners.tuners_utils import BaseTuner, BaseTunerLayer
from torch import Tensor
from torch.nn import Module, Parameter
from transformers import PreTrainedModel

from tunegrid.adaptation import Adaptation, UnmergeableError
from tunegrid.adaptation.peft_files import (
    load_adapter,
    restore_adapter,
    save_adapter,
    task_of,
    without_false_alarms,
)
from tunegrid.errors import ConfigError
from tunegrid.model.quantisation import Quantisation
from tunegrid.model.quantise import forget, rounded
from tunegrid.model.split_attention import fuse, split
from tunegrid.pack.input_directions import start_at_inputs
from tunegrid.pack.lora_start import Start, keep_start, start_at_rounding, weights_kept
from tunegrid.pack.peft_layer import route_layers
from tunegrid.pack.route import Router


@dataclass(frozen=True, slots=True)
class PeftLayers(Adaptation):
    """Adapters by PEFT, several on one base, each cell's rows through its own."""

    settings: Callable[[PreTrainedModel], PeftConfig]
    """The tuner's config for a model."""
    rate_factors: Mapping[str, float] = field(default_factory=dict)
    """Learning-rate factors of the parameters whose name contains the key."""
    start: Start = Start.zero
    """Of a LoRA."""
    quantisation: Quantisation | None = None
    """Of the base in training; a loaded adapter's base has the same values in full precision."""

    def attach(self, model: Module, name: str) -> Module:
        config = self._config(cast(PreTrainedModel, model.get_base_model() if isinstance(model, PeftModel) else model))
        subtracted = self.start is Start.weights
        try:
            with weights_kept(model.parameters() if subtracted else ()), without_false_alarms():
                adapted = _with_adapter(model, config, name)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"method.targets: PEFT cannot adapt these layers in this way: {error}") from error
        if subtracted:
            keep_start(adapted, name)
        if self.start is Start.rounding:
            start_at_rounding(adapted, name)
        return adapted

    def _config(self, model: PreTrainedModel) -> PeftConfig:
        config = self.settings(model)
        config.task_type = task_of(model)
        return config

    def route(self, model: Module, router: Router) -> None:
        route_layers(model, router)
        if self.quantisation is not None:
            forget(model)

    def trainable(self, model: Module, name: str) -> dict[str, Parameter]:
        prefix = cast(BaseTuner, cast(PeftModel, model).base_model).prefix
        return {
            _without(key, name): parameter
            for key, parameter in model.named_parameters()
            if name in (parts := key.split(".")) and any(part.startswith(prefix) for part in parts if part != name)
        }

    def save(self, model: Module, name: str, folder: Path) -> None:
        save_adapter(cast(PeftModel, model), name, folder)

    def restore(self, model: Module, name: str, folder: Path) -> Module:
        return restore_adapter(model, name, folder)

    def before_training(self, model: Module, name: str, rows: Iterable[None]) -> None:
        if self.start is Start.inputs:
            start_at_inputs(model, name, rows)

    def load(self, model: PreTrainedModel, folder: Path) -> Module:
        if self.quantisation is not None:
            model = fuse(rounded(split(model), self.quantisation))
        return load_adapter(model, folder)

    def merged(self, model: Module) -> PreTrainedModel:
        tuner = cast(BaseTuner, cast(PeftModel, model).base_model)
        return fuse(cast(PreTrainedModel, tuner.merge_and_unload(safe_merge=True)))

    def unmerged(self, model: PreTrainedModel, folder: Path) -> PreTrainedModel:
        if self.quantisation is not None:
            raise UnmergeableError("it was merged into a base rounded to four bits; load the base as it was published")
        adapted = load_adapter(model, folder)
        if getattr(adapted.active_peft_config, "use_dora", False):
            raise UnmergeableError(
                "DoRA gives each output's weights another length, and their own is lost; "
                "load the base as it was published"
            )
        with without_false_alarms():
            for layer in adapted.modules():
                if isinstance(layer, BaseTunerLayer):
                    layer.merged_adapters.append(adapted.active_adapter)
                    layer.unmerge()
        return fuse(cast(PreTrainedModel, adapted.unload()))

    def memory(self, model: Module, name: str) -> dict[str, Tensor]:
        return {_without(key, name): start for key, start in _starts(model, name).items()}

    def recall(self, model: Module, name: str, tensors: dict[str, Tensor]) -> None:
        for key, start in _starts(model, name).items():
            start.copy_(tensors[_without(key, name)])

    def rate_factor(self, parameter: str) -> float:
        return next((factor for part, factor in self.rate_factors.items() if part in parameter), 1.0)


def _with_adapter(model: Module, config: PeftConfig, name: str) -> PeftModel:
    if isinstance(model, PeftModel):
        model.add_adapter(name, config)
        return model
    return cast(PeftModel, get_peft_model(cast(PreTrainedModel, model), config, adapter_name=name))


def _starts(model: Module, name: str) -> dict[str, Tensor]:
    """Where a LoRA started, if not at zero."""
    return {key: b for key, b in model.named_buffers() if key.endswith(f".{name}.start")}


def _without(key: str, name: str) -> str:
    """A parameter's name without its adapter's, and without the ending that says what it is anyway."""
    return ".".join(part for part in key.removesuffix(".weight").split(".") if part != name)
