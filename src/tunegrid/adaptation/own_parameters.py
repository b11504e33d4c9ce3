"""Some of the model's own parameters, or all of them. Imports torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import Module, Parameter
from transformers import PreTrainedModel

from tunegrid.adaptation import Adaptation
from tunegrid.atomic import replaced
from tunegrid.model.split_attention import fuse, saved_as_published, split
from tunegrid.pack.route import Router

CHANGED = "changed.safetensors"
"""The trained parameters, by their names in the model with GPT-2's attention split."""


@dataclass(frozen=True, slots=True)
class OwnParameters(Adaptation):
    """Trains parameters that the model has: all, saved as transformers saves a model, or some, in a file of theirs."""

    select: Callable[[PreTrainedModel], Mapping[str, Parameter]]
    """Those that are trained, by name. Raises `ConfigError` where the model has none of the kind."""

    def attach(self, model: Module, name: str) -> Module:
        self.select(cast(PreTrainedModel, model))
        return model

    def route(self, model: Module, router: Router) -> None:
        pass

    def trainable(self, model: Module, name: str) -> dict[str, Parameter]:
        return dict(self.select(cast(PreTrainedModel, model)))

    def save(self, model: Module, name: str, folder: Path) -> None:
        trained = self.trainable(model, name)
        if len(trained) == len(list(model.parameters())):
            with saved_as_published(cast(PreTrainedModel, model)) as whole:
                whole.save_pretrained(folder)
            return
        with replaced(folder / CHANGED) as part:
            save_file({key: cast(Tensor, value).detach().contiguous() for key, value in trained.items()}, part)

    def restore(self, model: Module, name: str, folder: Path) -> Module:
        whole = not (folder / CHANGED).exists()
        saved = (
            split(cast(Any, type(model)).from_pretrained(folder)).state_dict() if whole else load_file(folder / CHANGED)
        )
        model.load_state_dict(saved, strict=False)
        return model

    def load(self, model: PreTrainedModel, folder: Path) -> Module:
        if not (folder / CHANGED).exists():
            return type(model).from_pretrained(folder)
        changed = split(model)
        changed.load_state_dict(load_file(folder / CHANGED), strict=False)
        return changed

    def merged(self, model: Module) -> PreTrainedModel:
        return fuse(cast(PreTrainedModel, model))
