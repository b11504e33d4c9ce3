"""What a model is asked before and after training, beside the task that it is trained for."""

from abc import ABC, abstractmethod
from dataclasses import astuple, dataclass

from tunegrid.data.content_hash import hash_parts


@dataclass(frozen=True, slots=True)
class Item:
    """A multiple-choice question, answered by the likelihood of each choice behind the prompt."""

    task: str
    """The kind of question."""
    prompt: str
    choices: tuple[str, ...]
    """Continuations of the prompt, each behind a blank."""
    answer: int
    """Place of the right choice, from 0."""


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that a model is asked."""

    passages: tuple[str, ...] = ()
    """General text, of which a model's perplexity is measured."""
    items: tuple[Item, ...] = ()
    """Questions that have nothing to do with the data it is trained on."""

    def __bool__(self) -> bool:
        return bool(self.passages or self.items)


@dataclass(kw_only=True, slots=True)
class Forgetting(ABC):
    """What is asked of every cell, and of the base that its pack shares."""

    @abstractmethod
    def material(self) -> Material:
        """Read and check it. Raises `DataError` naming `file:line: key`. Imports no torch."""

    def fingerprint(self) -> str | None:
        """A hash of the material; None where nothing is asked, for then nothing is there to change a result."""
        material = self.material()
        return hash_parts((material.passages, *map(astuple, material.items))) if material else None
