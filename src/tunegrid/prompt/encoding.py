"""From turns to text to token ids, through a chat template or without one."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tunegrid.data import Turn
from tunegrid.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_BETWEEN = "\n\n"
_PROBE = Turn("user", "Question"), Turn("assistant", "Answer")


class Side(Enum):
    """The two sides of a row. They are tokenised apart, so a prompt is an exact prefix of its row."""

    prompt = "prompt"
    completion = "completion"


@dataclass(frozen=True, slots=True)
class Encoder:
    """A tokenizer with the decision how its prompts are written."""

    tokenizer: "PreTrainedTokenizerBase"
    templated: bool
    """Whether the tokenizer's chat template is used."""
    separator: str
    """Stands between prompt and answer where it is not."""
    stop: tuple[int, ...]
    """Ends every completion: the tokens of the chat template up to the mark that ends a turn, or the end of text."""

    @classmethod
    def of(cls, tokenizer: "PreTrainedTokenizerBase", chat: str, separator: str) -> "Encoder":
        """Decide for `chat` = auto, never or always. Raises `ConfigError` for a tokenizer that cannot do it."""
        has_template = getattr(tokenizer, "chat_template", None) is not None
        if chat == "always" and not has_template:
            raise ConfigError("prompt.chat must be auto or never for this model: its tokenizer has no chat template")
        templated = has_template and chat != "never"
        stop = _turn_end(tokenizer) if templated else _text_end(tokenizer)
        return cls(tokenizer, templated, separator, stop)

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """Tokens on which generation stops: the last of every whole completion, and the end of text."""
        return tuple(sorted({self.stop[-1], self.tokenizer.eos_token_id} - {None}))

    def text(self, turns: Sequence[Turn]) -> str:
        """The prompt as text, up to where the answer begins."""
        return _chat_text(self.tokenizer, turns, answer_follows=True) if self.templated else self._plain_text(turns)

    def ids(self, texts: Sequence[str], side: Side) -> list[list[int]]:
        """Token ids of many texts at once; a prompt gets what the tokenizer begins texts with, a completion `stop`."""
        if not texts:
            return []
        begins = side is Side.prompt and not self.templated
        encoded = self.tokenizer(
            list(texts),
            add_special_tokens=begins,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        rows: list[list[int]] = encoded["input_ids"]
        if side is Side.completion:
            return [[*row, *self.stop] for row in rows]
        # A decoder-only tokenizer may be set to end every text, but an answer follows. T5's encoder keeps its end.
        ends = begins and getattr(self.tokenizer, "add_eos_token", False)
        return [row[:-1] if ends and row[-1:] == [self.tokenizer.eos_token_id] else row for row in rows]

    def _plain_text(self, turns: Sequence[Turn]) -> str:
        """Turns without a template: a blank line after a system message and after each earlier answer."""
        pieces = [turn.content + (self.separator if turn.role == "user" else _BETWEEN) for turn in turns]
        return "".join(pieces)


def _chat_text(tokenizer: "PreTrainedTokenizerBase", turns: Sequence[Turn], answer_follows: bool) -> str:
    from jinja2 import TemplateError

    messages = [{"role": turn.role, "content": turn.content} for turn in turns]
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=answer_follows)
    except (TemplateError, TypeError, ValueError) as error:
        said = " then ".join(turn.role for turn in turns)
        raise ConfigError(
            f"prompt.chat: the model's chat template refuses {said}: {error}; set prompt.chat=never"
        ) from None
    return str(text)


def _turn_end(tokenizer: "PreTrainedTokenizerBase") -> tuple[int, ...]:
    """What the chat template writes after an answer, up to its first special token; without one, the end of text."""
    question, answer = _PROBE
    prompt = _chat_text(tokenizer, [question], answer_follows=True)
    whole = _chat_text(tokenizer, [question, answer], answer_follows=False)
    if not whole.startswith(prompt + answer.content):
        problem = "the model's chat template does not write an answer straight after its prompt"
        raise ConfigError(f"prompt.chat: {problem}; set prompt.chat=never")
    special = set(tokenizer.all_special_ids) | {
        i for i, token in tokenizer.added_tokens_decoder.items() if token.special
    }
    ending = tokenizer(whole[len(prompt + answer.content) :], add_special_tokens=False)["input_ids"]
    for position, token in enumerate(ending):
        if token in special:
            return tuple(ending[: position + 1])
    return _text_end(tokenizer)


def _text_end(tokenizer: "PreTrainedTokenizerBase") -> tuple[int, ...]:
    if tokenizer.eos_token_id is None:
        raise ConfigError(
            "model: its tokenizer has no end-of-text token, so an answer could never end; use another tokenizer"
        )
    return (int(tokenizer.eos_token_id),)
