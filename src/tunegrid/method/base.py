"""The model as it is: the row that every adapted model is compared with."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunegrid.config import schema
from tunegrid.method import Method

if TYPE_CHECKING:
    from torch.nn import Module, Parameter

    from tunegrid.pack.route import Router


@schema("method", "base")
@dataclass(kw_only=True, slots=True)
class Base(Method):
    """Trains nothing. In a pack its rows pass through the frozen base alone."""

    def pack_family(self) -> str | None:
        return "rows"

    def attach(self, model: "Module", name: str) -> "Module":
        return model

    def route(self, model: "Module", router: "Router") -> None:
        pass

    def trainable(self, model: "Module", name: str) -> "dict[str, Parameter]":
        return {}

    def save(self, model: "Module", name: str, folder: Path) -> None:
        pass
