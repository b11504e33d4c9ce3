"""How a method's trainable parameters sit in a model that other cells may share; methods choose from these.

Hooks that do nothing are for most adaptations to leave alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tunegrid.errors import UserError

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from torch.nn import Module, Parameter
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from tunegrid.pack.route import Router


class UnmergeableError(UserError):
    """What was learned cannot become part of the model's own weights, or be taken out of them again, and why."""


class Adaptation(ABC):
    """Attaches, routes, saves and loads the trainable parameters of one cell."""

    @abstractmethod
    def attach(self, model: "Module", name: str) -> "Module":
        """Add the trainable parameters of cell `name`; returns the model to attach the next cell to.

        Draws initial values from torch's global generator, which the caller has seeded for this cell. Raises
        `ConfigError` where the model has no place for them.
        """

    @abstractmethod
    def route(self, model: "Module", router: "Router") -> None:
        """Make the attached parts read from `router` whose rows are whose; doing so twice changes nothing."""

    @abstractmethod
    def trainable(self, model: "Module", name: str) -> "dict[str, Parameter]":
        """The parameters that belong to cell `name`, by their name in the cell's own files."""

    @abstractmethod
    def save(self, model: "Module", name: str, folder: Path) -> None:
        """Write what was learned into `folder`, in the format of the library that owns it."""

    @abstractmethod
    def restore(self, model: "Module", name: str, folder: Path) -> "Module":
        """`attach`, with what `save` wrote in place of initial values; the model is one that cells can share."""

    @abstractmethod
    def load(self, model: "PreTrainedModel", folder: Path) -> "Module":
        """The model as it was published, with what `save` wrote put on it; changes `model`."""

    @abstractmethod
    def merged(self, model: "Module") -> "PreTrainedModel":
        """The plain model equal to the one that `load` returned. Raises `UnmergeableError` where there is none."""

    def unmerged(self, model: "PreTrainedModel", folder: Path) -> "PreTrainedModel":
        """The model as it was published, from what `merged` gave; changes `model`.

        Raises `UnmergeableError` where the merged weights no longer tell.
        """
        raise UnmergeableError(
            "its trained weights have replaced the base's, which a merged model no longer has; "
            "load the base from where it was published"
        )

    def read(self, tokenizer: "PreTrainedTokenizerBase") -> None:  # noqa: B027
        """Turn texts among the method's settings into tokens; before `attach`."""

    def expect(self, tasks: int) -> None:  # noqa: B027
        """Make room for rows of so many tasks; before `attach`."""

    def rate_factor(self, parameter: str) -> float:
        """By what a trainable parameter's learning rate differs from the cell's."""
        return 1.0

    def virtual_tokens(self, task: int = 0) -> range:
        """The numbers of the learned tokens in front of the cell's rows of a task; as many for each task."""
        return range(0)

    def before_training(self, model: "Module", name: str, rows: Iterable[None]) -> None:  # noqa: B027
        """Set initial values that depend on the data; taking an item of `rows` runs a training row through the model.

        Not called where training goes on from a checkpoint.
        """

    def before_step(self, model: "Module", name: str, generator: "Generator") -> None:  # noqa: B027
        """Draw what is random in the coming step."""

    def penalty(self, model: "Module", name: str) -> "Tensor | None":
        """What the cell's loss has added to it in each step, with its gradient."""
        return None

    def after_step(self, model: "Module", name: str, step: int) -> None:  # noqa: B027
        """Follow optimiser step `step` (from 1); the gradients are still there."""

    def findings(self, model: "Module", name: str) -> dict[str, float]:
        """What the method itself found out in training, by name; part of the cell's result."""
        return {}

    def memory(self, model: "Module", name: str) -> "dict[str, Tensor]":
        """Tensors beside the parameters that training changes in place and a checkpoint must hold."""
        return {}

    def recall(self, model: "Module", name: str, tensors: "dict[str, Tensor]") -> None:  # noqa: B027
        """Take up what `memory` gave."""
