"""Full fine-tuning: every parameter of the model is trained. The reference method."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tunegrid.config import schema
from tunegrid.method import Method

if TYPE_CHECKING:
    from torch.nn import Module, Parameter
    from transformers import PreTrainedModel

    from tunegrid.pack.route import Router


@schema("method", "full")
@dataclass(kw_only=True, slots=True)
class Full(Method):
    """Trains all parameters, in float32, and therefore alone."""

    def pack_family(self) -> str | None:
        return None

    def freezes_base(self) -> bool:
        return False

    def attach(self, model: "Module", name: str) -> "Module":
        return model

    def route(self, model: "Module", router: "Router") -> None:
        pass

    def trainable(self, model: "Module", name: str) -> "dict[str, Parameter]":
        return dict(model.named_parameters())

    def save(self, model: "Module", name: str, folder: Path) -> None:
        from tunegrid.model.split_attention import saved_as_published

        with saved_as_published(cast("PreTrainedModel", model)) as whole:
            whole.save_pretrained(folder)
