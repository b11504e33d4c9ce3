"""One cell's part of a model that several cells may share. Imports torch."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save_file
from torch import Generator, Tensor
from torch.nn import Module, Parameter

from tunegrid.adaptation import Adaptation
from tunegrid.adaptation.scalar_head import HEAD, ScalarHead
from tunegrid.atomic import replaced


@dataclass(frozen=True, slots=True)
class Attached:
    """An adaptation, the model it was attached to, and the name under which it was."""

    adaptation: Adaptation
    model: Module
    name: str
    head: ScalarHead | None = None
    """Of a model that was trained to score; saved beside what the adaptation learned."""

    def trainable(self) -> dict[str, Parameter]:
        """The cell's parameters, by their name in its own files."""
        return self.adaptation.trainable(self.model, self.name)

    def save(self, folder: Path) -> None:
        """Write what was learned into `folder`."""
        self.adaptation.save(self.model, self.name, folder)
        if self.head is not None:
            with replaced(folder / HEAD) as part:
                save_file({key: value.contiguous() for key, value in self.head.state_dict().items()}, part)

    def before_training(self, rows: Iterable[None]) -> None:
        """Set initial values that depend on the data; an item of `rows` runs a training row through the model."""
        self.adaptation.before_training(self.model, self.name, rows)

    def before_step(self, generator: Generator) -> None:
        """Draw what is random in the coming step."""
        self.adaptation.before_step(self.model, self.name, generator)

    def penalty(self) -> Tensor | None:
        """What the cell's loss has added to it in each step."""
        return self.adaptation.penalty(self.model, self.name)

    def after_step(self, step: int) -> None:
        """Follow optimiser step `step` (from 1)."""
        self.adaptation.after_step(self.model, self.name, step)

    def findings(self) -> dict[str, float]:
        """What the method itself found out in training."""
        return self.adaptation.findings(self.model, self.name)

    def memory(self) -> dict[str, Tensor]:
        """Tensors beside the parameters that a checkpoint must hold."""
        return self.adaptation.memory(self.model, self.name)

    def recall(self, tensors: dict[str, Tensor]) -> None:
        """Take up what `memory` gave."""
        self.adaptation.recall(self.model, self.name, tensors)
