"""A learned sparse difference to the frozen weights: W' = W + z ∘ w, the gates z hard-concrete. Imports torch."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file, save_file
from torch import Generator, Tensor
from torch.nn import Module, Parameter
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from tunegrid.adaptation import Adaptation
from tunegrid.atomic import replaced
from tunegrid.loss.hard_concrete import expected_gate, open_probability, sampled_gate
from tunegrid.model.split_attention import fuse, split
from tunegrid.model.target_layers import target_modules
from tunegrid.pack.route import Router

FILE = "difference.safetensors"


class Difference(Module):
    """The difference of one weight, zero at the start."""

    def __init__(self, like: Tensor, log_odds: float, structured: bool):
        super().__init__()
        self.value = Parameter(torch.zeros(like.shape, device=like.device))
        self.gate = Parameter(torch.full(like.shape, log_odds, device=like.device))
        self.group_gate = Parameter(torch.full((1,), log_odds, device=like.device)) if structured else None
        self.noise: list[Tensor] = []
        """Uniform numbers for the gates of the present step."""

    def gates(self) -> list[Parameter]:
        """Log-odds of each entry's gate, and of the gate of them all."""
        return [self.gate] if self.group_gate is None else [self.gate, self.group_gate]

    def draw(self, generator: Generator) -> None:
        """Draw the noise of a step."""
        self.noise = [torch.rand(g.shape, generator=generator).to(g.device) for g in self.gates()]

    def forward(self, training: bool) -> Tensor:
        """Z ∘ w, with sampled gates in training."""
        made: Tensor = self.value
        for place, gate in enumerate(self.gates()):
            made = made * (sampled_gate(gate, self.noise[place]) if training else expected_gate(gate))
        return made


@dataclass(frozen=True, slots=True)
class SparseDifferences(Adaptation):
    """A difference for every weight of the target layers."""

    targets: list[str]
    log_odds: float
    """Of every gate at the start."""
    structured: bool
    """One more gate for each matrix as a whole."""
    strength: float
    """Of the penalty on the expected share of open gates."""
    gate_rate_ratio: float
    """How many times the differences' learning rate the gates' is."""

    def attach(self, model: Module, name: str) -> Module:
        for _, layer in target_modules(model, self.targets):
            layer.difference = Difference(layer.weight, self.log_odds, self.structured)
        return model

    def route(self, model: Module, router: Router) -> None:
        for layer, _ in self._of(model):
            layer.forward = partial(_changed, layer, router)

    def _of(self, model: Module) -> Iterator[tuple[Any, Difference]]:
        for layer in model.modules():
            if isinstance(difference := getattr(layer, "difference", None), Difference):
                yield layer, difference

    def trainable(self, model: Module, name: str) -> dict[str, Parameter]:
        return {key: p for key, p in model.named_parameters() if ".difference." in key}

    def rate_factor(self, parameter: str) -> float:
        return 1.0 if parameter.endswith(".value") else self.gate_rate_ratio

    def before_step(self, model: Module, name: str, generator: Generator) -> None:
        for _, difference in self._of(model):
            difference.draw(generator)

    def penalty(self, model: Module, name: str) -> Tensor:
        shares = [_open_share(difference) * difference.value.numel() for _, difference in self._of(model)]
        total = sum(difference.value.numel() for _, difference in self._of(model))
        return self.strength * torch.stack(shares).sum() / total

    def findings(self, model: Module, name: str) -> dict[str, float]:
        learned = [difference(training=False) for _, difference in self._of(model)]
        zeros = sum(int((part == 0).sum()) for part in learned)
        return {"sparsity": zeros / sum(part.numel() for part in learned)}

    @torch.no_grad()
    def save(self, model: Module, name: str, folder: Path) -> None:
        kept: dict[str, Tensor] = {}
        for key, layer in model.named_modules():
            if isinstance(difference := getattr(layer, "difference", None), Difference):
                flat = difference(training=False).flatten()
                kept[f"{key}.places"] = places = flat.nonzero()[:, 0].to(torch.int32)
                kept[f"{key}.values"] = flat[places.long()]
        with replaced(folder / FILE) as part:
            save_file(kept, part)

    def restore(self, model: Module, name: str, folder: Path) -> Module:
        _add(model, folder, 1)
        return model

    def load(self, model: PreTrainedModel, folder: Path) -> Module:
        changed = split(model)
        _add(changed, folder, 1)
        return changed

    def merged(self, model: Module) -> PreTrainedModel:
        return fuse(cast(PreTrainedModel, model))

    def unmerged(self, model: PreTrainedModel, folder: Path) -> PreTrainedModel:
        changed = split(model)
        _add(changed, folder, -1)
        return fuse(changed)


@torch.no_grad()
def _add(model: Module, folder: Path, sign: int) -> None:
    """Add a saved difference, times `sign`, to the weights of a model whose attention is split if it is a GPT-2's."""
    saved = load_file(folder / FILE)
    for key in (key.removesuffix(".places") for key in saved if key.endswith(".places")):
        weight = cast(Tensor, model.get_submodule(key).weight)
        places = saved[f"{key}.places"].to(weight.device).long()
        weight.view(-1)[places] += sign * saved[f"{key}.values"].to(weight)


def _open_share(difference: Difference) -> Tensor:
    opened = open_probability(difference.gate).mean()
    return opened if difference.group_gate is None else opened * open_probability(difference.group_gate)[0]


def _changed(layer: Any, router: Router, x: Tensor) -> Tensor:
    training = any(share.generator is not None for share in router.shares)
    weight = layer.weight + layer.difference(training).to(x.dtype)
    return F.linear(x, weight.T if isinstance(layer, Conv1D) else weight, layer.bias)
