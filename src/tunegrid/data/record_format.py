"""The shapes of record that instruction data comes in, and what each becomes: a prompt and its answer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunegrid.data import Turn
from tunegrid.data.record import RecordError

PROMPT = "prompt"
"""The column that templates find in every format."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A prompt and its answer."""

    fields: Mapping[str, str]
    """The record's text columns, and `prompt`."""
    turns: tuple[Turn, ...]
    """The conversation before the answer; empty where the prompt is in `fields`."""
    answer: str
    choices: tuple[str, ...] = ()
    """All answers that are offered, where the record offers some."""
    gold: tuple[int, ...] = ()
    """Which of `choices` are right, by index."""
    rejected: str | None = None
    """The worse answer of a preference record."""


class RecordFormat(ABC):
    """One shape of record."""

    name: str

    @abstractmethod
    def fits(self, columns: Mapping[str, Any]) -> bool:
        """Whether a record has the columns of this shape."""

    @abstractmethod
    def read(self, columns: Mapping[str, Any]) -> list[Answered]:
        """Every answer of a record with what comes before it. Raises `RecordError`."""


@dataclass(frozen=True, slots=True)
class Pair(RecordFormat):
    """Two or three text columns: what is asked, more input to it where there is any, and the answer."""

    name: str
    question: str
    more: str | None
    """A column that may be missing or empty; it follows the question after a blank line."""
    answer: str

    def fits(self, columns: Mapping[str, Any]) -> bool:
        """Whether both columns are there."""
        return self.question in columns and self.answer in columns

    def read(self, columns: Mapping[str, Any]) -> list[Answered]:
        """One answer."""
        prompt = text_of(columns, self.question)
        answer = text_of(columns, self.answer)
        if self.more and columns.get(self.more) not in (None, ""):
            prompt = f"{prompt}\n\n{text_of(columns, self.more)}"
        fields = {name: encodable(name, value) for name, value in columns.items() if isinstance(value, str)}
        del fields[self.answer]
        more = {self.more: fields.get(self.more, "")} if self.more else {}
        return [Answered(fields | more | {PROMPT: prompt}, (), answer)]


@dataclass(frozen=True, slots=True)
class Chat(RecordFormat):
    """A list of turns; every turn of the assistant is an answer to the turns before it."""

    name: str
    column: str
    role: str
    """The turn's key for who speaks."""
    content: str
    """The turn's key for what is said."""

    def fits(self, columns: Mapping[str, Any]) -> bool:
        """Whether the list is there."""
        return self.column in columns

    def read(self, columns: Mapping[str, Any]) -> list[Answered]:
        """One answer for each turn of the assistant."""
        listed = columns.get(self.column)
        if not isinstance(listed, list):
            raise RecordError(
                f"{self.column}: {_kind(listed)} where a list of turns is expected; write one object per turn"
            )
        turns = tuple(self._turn(f"{self.column}[{i}]", turn) for i, turn in enumerate(listed))
        _check_order(self.column, turns)
        answered = [i for i, turn in enumerate(turns) if turn.role == "assistant"]
        return [Answered({PROMPT: turns[i - 1].content}, turns[:i], turns[i].content) for i in answered]

    def _turn(self, key: str, turn: object) -> Turn:
        if not isinstance(turn, dict):
            raise RecordError(
                f'{key}: {_kind(turn)} where an object is expected; write {{"{self.role}": …, "{self.content}": …}}'
            )
        role = turn.get(self.role)
        if not isinstance(role, str) or role not in ROLES:
            raise RecordError(f"{key}.{self.role}: {role!r} is no known speaker; use one of {', '.join(sorted(ROLES))}")
        try:
            return Turn(ROLES[role], text_of(turn, self.content))
        except RecordError as error:
            raise RecordError(f"{key}.{error}") from None


ROLES = {
    "system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlainText(RecordFormat):
    """A text without a question: all of it is written, after an empty prompt."""

    name: str = "plain text"

    def fits(self, columns: Mapping[str, Any]) -> bool:
        """Whether `text` is the one text column."""
        return [name for name, value in columns.items() if isinstance(value, str)] == ["text"]

    def read(self, columns: Mapping[str, Any]) -> list[Answered]:
        """The text as the answer."""
        text = text_of(columns, "text")
        return [Answered({PROMPT: "", "text": text}, (), text)]


FORMATS: tuple[RecordFormat, ...] = (
    Chat("chat messages", "messages", "role", "content"),
    Chat("ShareGPT conversations", "conversations", "from", "value"),
    Pair("instruction/input/output", "instruction", "input", "output"),
    Pair("instruction/input/response", "instruction", "input", "response"),
    Pair("prompt/completion", "prompt", None, "completion"),
    Pair("prompt/response", "prompt", None, "response"),
    Pair("input/output", "input", None, "output"),
    Pair("dialogue/summary", "dialogue", None, "summary"),
    PlainText(),
)


def text_of(columns: Mapping[str, Any], key: str) -> str:
    """The text of a column, as it stands. Raises `RecordError` where it is missing, no text, or blank."""
    value = columns.get(key)
    if key not in columns:
        raise RecordError(f"{key}: missing; every record of the file needs it")
    if not isinstance(value, str):
        raise RecordError(f"{key}: {_kind(value)} where text is expected; write it in quotes")
    if not value.strip():
        raise RecordError(f"{key}: empty; fill it in or remove the record")
    return encodable(key, value)


def encodable(key: str, value: str) -> str:
    """`value`, if it can be written as UTF-8. Raises `RecordError` where it cannot."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RecordError(
            f"{key}: half of a surrogate pair at character {error.start + 1}; write the whole character"
        ) from None
    return value


def _check_order(column: str, turns: tuple[Turn, ...]) -> None:
    speakers = [turn.role for turn in turns]
    if "system" in speakers[1:]:
        raise RecordError(
            f"{column}[{speakers.index('system', 1)}]: a system turn after the first; move it to the front"
        )
    first = 1 if speakers[:1] == ["system"] else 0
    if "assistant" not in speakers:
        raise RecordError(f"{column}: no turn of the assistant; add the answer or remove the record")
    if speakers[first] == "assistant":
        raise RecordError(f"{column}[{first}]: the assistant speaks before any user; add the user's turn")


def _kind(value: object) -> str:
    names = {type(None): "null", dict: "an object", list: "a list", bool: "true or false", int: "a number"}
    return names.get(type(value), "a number" if isinstance(value, float) else "text")
