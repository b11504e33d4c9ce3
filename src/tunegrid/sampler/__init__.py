"""How answers are drawn from a model."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import GenerationConfig


@dataclass(kw_only=True, slots=True)
class Sampler(ABC):
    """A decoding strategy."""

    max_new_tokens: int
    """Tokens of an answer at most, its end token included."""

    @abstractmethod
    def settings(self) -> "GenerationConfig":
        """The strategy in transformers' terms, special tokens apart."""

    @abstractmethod
    def rows_per_prompt(self) -> int:
        """Sequences kept alive for each prompt."""

    @abstractmethod
    def no_repeat(self) -> int | None:
        """Size of the n-grams that an answer may not repeat within itself; None: no such rule."""
