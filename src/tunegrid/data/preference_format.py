"""Preference records: two answers to one prompt, of which one was chosen."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunegrid.data import Turn
from tunegrid.data.record import RecordError
from tunegrid.data.record_format import Answered, Chat, Pair, RecordFormat, text_of

CHOSEN, REJECTED = "chosen", "rejected"
_SPEAKER = re.compile(r"\n\n(Human|Assistant):")
_ROLES = {"Human": "user", "Assistant": "assistant"}


def _has_both(columns: Mapping[str, Any], kind: type) -> bool:
    return isinstance(columns.get(CHOSEN), kind) and isinstance(columns.get(REJECTED), kind)


@dataclass(frozen=True, slots=True)
class PreferredText(RecordFormat):
    """A prompt of one or two text columns, with `chosen` and `rejected` as text."""

    name: str
    pair: Pair
    """The record without the rejected answer."""

    def fits(self, columns: Mapping[str, Any]) -> bool:
        """Whether there is a prompt beside both answers."""
        return _has_both(columns, str) and self.pair.fits(columns)

    def read(self, columns: Mapping[str, Any]) -> list[Answered]:
        """The chosen answer with the rejected one."""
        rejected = text_of(columns, REJECTED)
        others = {name: value for name, value in columns.items() if name != REJECTED}
        return [
            Answered(answered.fields, (), answered.answer, rejected=rejected) for answered in self.pair.read(others)
        ]


@dataclass(frozen=True, slots=True)
class PreferredTurn(RecordFormat):
    """A conversation, with `chosen` and `rejected` as the turns that could follow it."""

    name: str
    chat: Chat
    """The conversation with its answer."""

    def fits(self, columns: Mapping[str, Any]) -> bool:
        """Whether there is a conversation beside both turns."""
        return _has_both(columns, dict) and self.chat.fits(columns)

    def read(self, columns: Mapping[str, Any]) -> list[Answered]:
        """The chosen turn with the rejected one."""
        chosen, rejected = (self._last(columns, name) for name in (CHOSEN, REJECTED))
        return [Answered(chosen.fields, chosen.turns, chosen.answer, rejected=rejected.answer)]

    def _last(self, columns: Mapping[str, Any], name: str) -> Answered:
        """The conversation with one of the turns behind it."""
        before = columns.get(self.chat.column)
        turns = [*before, columns[name]] if isinstance(before, list) else before
        return self.chat.read({self.chat.column: turns})[-1]


@dataclass(frozen=True, slots=True)
class PreferredMessages(RecordFormat):
    """Lists of turns that part at the last; a list `prompt` stands before both."""

    name: str = "lists of chosen and rejected messages"

    def fits(self, columns: Mapping[str, Any]) -> bool:
        """Whether both are lists."""
        return _has_both(columns, list)

    def read(self, columns: Mapping[str, Any]) -> list[Answered]:
        """The last answer of the chosen turns with that of the rejected ones."""
        prompt = columns.get("prompt")
        before = prompt if isinstance(prompt, list) else []
        chosen, rejected = (_last_answer(name, [*before, *columns[name]]) for name in (CHOSEN, REJECTED))
        _check_parting(chosen.turns, rejected.turns)
        return [Answered(chosen.fields, chosen.turns, chosen.answer, rejected=rejected.answer)]


def _last_answer(name: str, turns: list[Any]) -> Answered:
    return Chat("", name, "role", "content").read({name: turns})[-1]


def _check_parting(chosen: tuple[Turn, ...], rejected: tuple[Turn, ...]) -> None:
    if chosen != rejected:
        raise RecordError(f"{REJECTED}: parts from {CHOSEN} before the last answer; remove the record")


@dataclass(frozen=True, slots=True)
class PreferredDialogue(RecordFormat):
    """Two whole dialogues of `Human:` and `Assistant:` that part at the last answer (Bai et al. 2022)."""

    name: str = "Human/Assistant preference pairs"

    def fits(self, columns: Mapping[str, Any]) -> bool:
        """Whether both dialogues begin with a human."""
        return _has_both(columns, str) and columns[CHOSEN].lstrip().startswith("Human:")

    def read(self, columns: Mapping[str, Any]) -> list[Answered]:
        """The last answer of the chosen dialogue with that of the rejected one."""
        chosen, rejected = (_dialogue(columns, name) for name in (CHOSEN, REJECTED))
        _check_parting(chosen[:-1], rejected[:-1])
        fields = {"prompt": chosen[-2].content}
        return [Answered(fields, chosen[:-1], chosen[-1].content, rejected=rejected[-1].content)]


def _dialogue(columns: Mapping[str, Any], name: str) -> tuple[Turn, ...]:
    _, *pieces = _SPEAKER.split("\n\n" + text_of(columns, name).lstrip())
    said = zip(pieces[::2], pieces[1::2], strict=True)
    turns = tuple(Turn(_ROLES[speaker], content.strip()) for speaker, content in said)
    if len(turns) < 2 or turns[-1].role != "assistant":
        raise RecordError(f"{name}: does not end with an answer of the assistant; add it or remove the record")
    if not all(turn.content for turn in turns):
        raise RecordError(f"{name}: an empty turn; fill it in or remove the record")
    return turns


PREFERENCES: tuple[RecordFormat, ...] = (
    PreferredDialogue(),
    PreferredText("instruction/input/chosen/rejected", Pair("", "instruction", "input", CHOSEN)),
    PreferredText("prompt/chosen/rejected", Pair("", "prompt", None, CHOSEN)),
    PreferredTurn("ShareGPT preference pairs", Chat("", "conversations", "from", "value")),
    PreferredTurn("chat preference pairs", Chat("", "messages", "role", "content")),
    PreferredMessages(),
)
