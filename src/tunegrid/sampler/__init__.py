"""How a trained model is brought to answer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedTokenizerBase

    from tunegrid.data import Example
    from tunegrid.data.tokenized import PreparedData
    from tunegrid.hardware import Hardware
    from tunegrid.pack.pack import Pack

Report = Callable[[int, int, str], None]
"""Takes what is done, of how much, and a text for the progress display."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer to one question."""

    text: str
    log_likelihoods: tuple[float, ...] = ()
    """Of each of the question's choices, in nats; empty where the answer was decoded."""


@dataclass(kw_only=True, slots=True)
class Sampler(ABC):
    """A way to an answer."""

    @abstractmethod
    def answers(
        self,
        pack: "Pack",
        data: "PreparedData",
        tokenizer: "PreTrainedTokenizerBase",
        hardware: "Hardware",
        report: Report,
        silent: Collection[int] = (),
    ) -> list[list[Answer]]:
        """The answer of each member of `pack` (outer list) to each test question (inner list).

        Members whose places are in `silent` are not asked; their inner list is empty.
        """

    @abstractmethod
    def rows_per_prompt(self) -> int:
        """Sequences kept alive for each prompt."""

    def check(self, questions: "Sequence[Example]") -> None:
        """Raise `DataError` for test questions that cannot be answered this way."""
        return None


@dataclass(kw_only=True, slots=True)
class Decoder(Sampler):
    """A decoding strategy."""

    max_new_tokens: int
    """Tokens of an answer at most, its end token included."""

    @abstractmethod
    def settings(self) -> "GenerationConfig":
        """The strategy in transformers' terms, special tokens apart."""

    @abstractmethod
    def no_repeat(self) -> int | None:
        """Size of the n-grams that an answer may not repeat within itself; None: no such rule."""

    def answers(
        self,
        pack: "Pack",
        data: "PreparedData",
        tokenizer: "PreTrainedTokenizerBase",
        hardware: "Hardware",
        report: Report,
        silent: Collection[int] = (),
    ) -> list[list[Answer]]:
        from tunegrid.sampler.decode import decode

        decoded = decode(self, pack, data, tokenizer, hardware.generation_rows, report, silent)
        return [[Answer(text) for text in texts] for texts in decoded]
