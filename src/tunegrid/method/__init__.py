"""What becomes trainable. An option attaches one cell's trainable parameters to a model that other cells may share."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.nn import Module, Parameter

    from tunegrid.pack.route import Router


@dataclass(kw_only=True, slots=True)
class Method(ABC):
    """A way of adapting a model."""

    kind: str
    """The method's name in tables."""

    @abstractmethod
    def pack_family(self) -> str | None:
        """Cells whose methods share a family can share one frozen base; None: this method needs its own model."""

    @abstractmethod
    def attach(self, model: "Module", name: str) -> "Module":
        """Add the trainable parameters of cell `name`; returns the model to attach the next cell to.

        Draws initial values from torch's global generator, which the caller has seeded for this cell.
        """

    @abstractmethod
    def route(self, model: "Module", router: "Router") -> None:
        """Make the attached layers read from `router` which rows of a batch are whose."""

    @abstractmethod
    def trainable(self, model: "Module", name: str) -> "dict[str, Parameter]":
        """The parameters that belong to cell `name`, by their name in the cell's own files."""

    @abstractmethod
    def save(self, model: "Module", name: str, folder: Path) -> None:
        """Write what was learned into `folder`, in the format of the library that owns it."""

    def freezes_base(self) -> bool:
        """Whether the base stays as it was loaded, so that it may be held in the hardware's precision."""
        return True
