"""No trainable parameter at all."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from tunegrid.adaptation import Adaptation

if TYPE_CHECKING:
    from torch.nn import Module, Parameter
    from transformers import PreTrainedModel

    from tunegrid.pack.route import Router


class Nothing(Adaptation):
    """Rows pass through the base alone."""

    def attach(self, model: "Module", name: str) -> "Module":
        return model

    def route(self, model: "Module", router: "Router") -> None:
        pass

    def trainable(self, model: "Module", name: str) -> "dict[str, Parameter]":
        return {}

    def save(self, model: "Module", name: str, folder: Path) -> None:
        pass

    def restore(self, model: "Module", name: str, folder: Path) -> "Module":
        return model

    def load(self, model: "PreTrainedModel", folder: Path) -> "Module":
        return model

    def merged(self, model: "Module") -> "PreTrainedModel":
        return cast("PreTrainedModel", model)
