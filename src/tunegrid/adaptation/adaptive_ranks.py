"""AdaLoRA's ranks: a penalty, a budget that shrinks, and estimates of what matters. Imports torch and peft."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from peft import PeftModel
from peft.tuners.adalora import AdaLoraConfig, AdaLoraModel
from peft.tuners.adalora.layer import AdaLoraLayer, RankAllocator
from torch import Tensor
from torch.nn import Module, Parameter
from transformers import PreTrainedModel

from tunegrid.adaptation import Adaptation
from tunegrid.adaptation.peft_layers import PeftLayers
from tunegrid.loss.orthogonality import departure_from_orthonormal
from tunegrid.pack.route import Router


@dataclass(frozen=True, slots=True)
class AdaptiveRanks(Adaptation):
    """A LoRA in three factors on each layer, allocated by PEFT, one in a model."""

    layers: PeftLayers
    orthogonality: float
    """Strength of the penalty."""

    def attach(self, model: Module, name: str) -> Module:
        return self.layers.attach(model, name)

    def route(self, model: Module, router: Router) -> None:
        self.layers.route(model, router)

    def trainable(self, model: Module, name: str) -> dict[str, Parameter]:
        return self.layers.trainable(model, name)

    def penalty(self, model: Module, name: str) -> Tensor:
        parts = [departure_from_orthonormal(m) for _, layer in _of(model, name) for m in _rows(layer, name)]
        return self.orthogonality * torch.stack(parts).mean()

    def after_step(self, model: Module, name: str, step: int) -> None:
        _tuner(model).update_and_allocate(step)

    def findings(self, model: Module, name: str) -> dict[str, float]:
        ranks = [sum(pattern) for pattern in _pattern(model, name).values()]
        return {"mean_rank": sum(ranks) / len(ranks)}

    def memory(self, model: Module, name: str) -> dict[str, Tensor]:
        allocator = _allocator(model)
        masks = _config(model, name).rank_pattern or {}
        averages = {"sensitivity": allocator.exp_avg_ipt, "uncertainty": allocator.exp_avg_unc}
        kept = {f"{kind}/{key}": value for kind, values in averages.items() for key, value in values.items()}
        return kept | {f"mask/{key}": torch.tensor(mask) for key, mask in masks.items()}

    def recall(self, model: Module, name: str, tensors: dict[str, Tensor]) -> None:
        allocator, device = _allocator(model), next(model.parameters()).device
        allocator.exp_avg_ipt = {key: value.to(device) for key, value in _under("sensitivity", tensors).items()}
        allocator.exp_avg_unc = {key: value.to(device) for key, value in _under("uncertainty", tensors).items()}
        allocator.ipt = dict(allocator.exp_avg_ipt)  # tells PEFT which averages have begun
        masks = {key: mask.tolist() for key, mask in _under("mask", tensors).items()}
        _config(model, name).rank_pattern = masks or None

    def save(self, model: Module, name: str, folder: Path) -> None:
        _config(model, name).rank_pattern = _pattern(model, name)  # the last allocation's may be another
        self.layers.save(model, name, folder)

    def restore(self, model: Module, name: str, folder: Path) -> Module:
        return self.layers.restore(model, name, folder)

    def load(self, model: PreTrainedModel, folder: Path) -> Module:
        return self.layers.load(model, folder)

    def merged(self, model: Module) -> PreTrainedModel:
        return self.layers.merged(model)

    def unmerged(self, model: PreTrainedModel, folder: Path) -> PreTrainedModel:
        return self.layers.unmerged(model, folder)


def _tuner(model: Module) -> AdaLoraModel:
    return cast(AdaLoraModel, cast(PeftModel, model).base_model)


def _config(model: Module, name: str) -> AdaLoraConfig:
    return cast(AdaLoraConfig, _tuner(model).peft_config[name])


def _allocator(model: Module) -> RankAllocator:
    return _tuner(model).rankallocator


def _of(model: Module, name: str) -> Iterator[tuple[str, AdaLoraLayer]]:
    for key, layer in _tuner(model).model.named_modules():
        if isinstance(layer, AdaLoraLayer) and name in layer.lora_E:
            yield key, layer


def _rows(layer: AdaLoraLayer, name: str) -> tuple[Tensor, Tensor]:
    """Q and Pᵀ, whose rows are to be orthonormal."""
    return cast(Tensor, layer.lora_A[name]), cast(Tensor, layer.lora_B[name]).t()


def _pattern(model: Module, name: str) -> dict[str, list[bool]]:
    """Which entries of Λ are not zero, by the names that PEFT gives them."""
    return {f"{key}.lora_E.{name}": (layer.lora_E[name][:, 0] != 0).tolist() for key, layer in _of(model, name)}


def _under(kind: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(f"{kind}/"): value for key, value in tensors.items() if key.startswith(f"{kind}/")}
