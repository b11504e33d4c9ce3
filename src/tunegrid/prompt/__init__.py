"""How an example becomes what a model reads, and which tokens it is trained to write."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tunegrid.data import Example, Template, Turn
from tunegrid.prompt.encoding import Encoder, Side

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Chat", "Prompt", "PromptText", "Row"]


class Chat(Enum):
    """Whether prompts go through the tokenizer's chat template."""

    auto = "auto"
    """Where the tokenizer has one."""
    never = "never"
    always = "always"
    """A tokenizer without one is an error."""


@dataclass(frozen=True, slots=True)
class Row:
    """A training row; the whole row is `prompt_ids + completion_ids`."""

    prompt_ids: list[int]
    completion_ids: list[int]
    """Ends with the token on which generation stops."""


@dataclass(frozen=True, slots=True)
class PromptText:
    """What a model is asked, as text and as tokens."""

    text: str
    """With the chat template's marks spelled out."""
    ids: list[int]


@dataclass(kw_only=True, slots=True)
class Prompt(ABC):
    """How an example becomes a prompt."""

    chat: Chat
    """Whether to use the tokenizer's chat template: auto, never or always."""
    system: str | None
    """A first message to the model; null: none of ours (a chat template may put in its own)."""
    separator: str
    """Follows the prompt where there is no chat template, so that prompt and completion are apart."""

    @abstractmethod
    def turns(self, template: Template, example: Example) -> tuple[Turn, ...]:
        """Everything said before the answer; the last turn is not the assistant's."""

    def fingerprint(self) -> str | None:
        """A hash of the files that a prompt is made of; None: it is made of none. Raises `DataError`."""
        return None

    def fitted(self, template: Template, train: Sequence[Example]) -> "Prompt":
        """The prompt with what it needs of the training examples; most need nothing."""
        return self

    def encoder(self, tokenizer: "PreTrainedTokenizerBase") -> Encoder:
        """How this prompt's turns and answers become tokens of `tokenizer`. Raises `ConfigError`."""
        return Encoder.of(tokenizer, self.chat.value, self.separator)

    def question(self, tokenizer: "PreTrainedTokenizerBase", template: Template, example: Example) -> PromptText:
        """The prompt of an example, up to where the answer begins."""
        encoder = self.encoder(tokenizer)
        text = encoder.text(self.turns(template, example))
        return PromptText(text, encoder.ids([text], Side.prompt)[0])

    def encode(self, tokenizer: "PreTrainedTokenizerBase", template: Template, example: Example, reference: str) -> Row:
        """The training row of an example with one of its references. Its prompt is that of `question`."""
        target = template.target_text(example.fields, reference)
        completion = self.encoder(tokenizer).ids([target], Side.completion)[0]
        return Row(self.question(tokenizer, template, example).ids, completion)


def asked(template: Template, example: Example) -> tuple[Turn, ...]:
    """The turns of a conversation, or the template's input as the user's one turn."""
    return example.turns or (Turn("user", template.input_text(example.fields)),)


def opened(system: str | None, turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Put a system message in front of `turns`; a conversation's own comes instead of it, and moves to the front."""
    own = [turn for turn in turns if turn.role == "system"]
    first = own[-1:] or ([Turn("system", system)] if system is not None else [])
    return (*first, *(turn for turn in turns if turn.role != "system"))
