"""What a person says of one response: the one format of `reward=feedback` and of `tunegrid feedback`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from typing import Any

from tunegrid.config import require
from tunegrid.data.record import RecordError
from tunegrid.errors import unknown

Key = tuple[str, str]
"""A prompt and a response, without space around them."""


class Kind(Enum):
    """What can be said of a response."""

    correct = "correct"
    inappropriate = "inappropriate"
    adjusted = "adjusted"
    """The person wrote another text instead."""


@dataclass(kw_only=True, slots=True)
class Worths:
    """What it is worth to a response that something was said of it."""

    correct: float
    inappropriate: float
    adjusted_to: float
    """Of the text that the person wrote."""
    adjusted_from: float
    """Of the response in whose place it was written."""

    def __post_init__(self) -> None:
        for name in ("correct", "inappropriate", "adjusted_to", "adjusted_from"):
            require(isfinite(getattr(self, name)), f"reward.worths.{name}", "be a number", getattr(self, name))
        for better, worse in (("correct", "inappropriate"), ("adjusted_to", "adjusted_from")):
            low, high = getattr(self, worse), getattr(self, better)
            require(low < high, f"reward.worths.{worse}", f"be below reward.worths.{better} ({high})", low)


@dataclass(frozen=True, slots=True)
class Said:
    """What an event says of one text as a response to its prompt."""

    key: Key
    good: bool
    worth: float


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was said."""

    id: str
    prompt: str
    response: str
    kind: Kind
    text: str | None
    """What the response was adjusted to; None for the other kinds."""

    def record(self) -> dict[str, str]:
        """As it is written, one JSON object a line."""
        record = {"id": self.id, "prompt": self.prompt, "response": self.response, "kind": self.kind.value}
        return record if self.text is None else {**record, "text": self.text}

    def said(self, worths: Worths) -> list[Said]:
        """Of the response, and of the text that was written in its place."""
        prompt, response = self.prompt.strip(), self.response.strip()
        if self.kind is Kind.correct:
            return [Said((prompt, response), True, worths.correct)]
        if self.text is None:
            return [Said((prompt, response), False, worths.inappropriate)]
        edit = Said((prompt, self.text.strip()), True, worths.adjusted_to)
        return [Said((prompt, response), False, worths.adjusted_from), edit]


def event_of(columns: Mapping[str, Any]) -> Event:
    """The event of a JSON object; keys that are not its own are not read. Raises `RecordError` naming the id."""
    identifier = _text(columns, "id", "")
    named = f"id {identifier!r}: "
    prompt, response = _text(columns, "prompt", named), _text(columns, "response", named)
    kind = str(columns.get("kind"))
    if kind not in Kind.__members__:
        raise RecordError(f"{named}{unknown('kind', kind, list(Kind.__members__))}")
    if Kind[kind] is not Kind.adjusted:
        if columns.get("text") is not None:
            raise RecordError(f"{named}text: only kind=adjusted has one; leave it out, or change the kind")
        return Event(identifier, prompt, response, Kind[kind], None)
    text = _text(columns, "text", named)
    if text.strip() == response.strip():
        raise RecordError(f"{named}text: the response as it was; write another, or say kind=correct")
    return Event(identifier, prompt, response, Kind.adjusted, text)


def _text(columns: Mapping[str, Any], name: str, named: str) -> str:
    value = columns.get(name)
    if not isinstance(value, str) or not value.strip():
        raise RecordError(f"{named}{name}: missing or empty; fill it in")
    return value
