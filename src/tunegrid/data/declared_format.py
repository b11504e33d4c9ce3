"""Records whose columns a data set's YAML explains."""

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunegrid.data.record import RecordError
from tunegrid.data.record_format import Answered, RecordFormat, encodable
from tunegrid.data.shape import Shape, found
from tunegrid.data.template import render
from tunegrid.errors import ConfigError

_LETTER = re.compile(r"\(?([A-Z])[.)]\s*(?=\S)")


@dataclass(frozen=True, slots=True)
class DeclaredFormat(RecordFormat):
    """What `data.shape` says."""

    name: str
    shape: Shape

    def fits(self, columns: Mapping[str, Any]) -> bool:
        """Always: what is missing is an error of the record."""
        return True

    def read(self, columns: Mapping[str, Any]) -> list[Answered]:
        """Every right answer of a record; all have the same choices."""
        fields = {name: _one(columns, paths, name) for name, paths in self.shape.columns.items()}
        fields |= {name: self._computed(name, source, columns) for name, source in self.shape.computed.items()}
        choices = _unlettered(self._several(columns, self.shape.choices)) or tuple(self.shape.words)
        answers = tuple(dict.fromkeys(self._several(columns, self.shape.answers)))
        gold = self._gold(columns, choices, answers)
        answers = answers or tuple(choices[place] for place in gold)
        rejected = _one(columns, self.shape.rejected, "rejected") if self.shape.rejected else None
        return [Answered(fields, (), answer, choices, gold, rejected) for answer in answers]

    def _computed(self, name: str, source: str, columns: Mapping[str, Any]) -> str:
        try:
            text = render(f"data.shape.computed.{name}", source, columns).strip()
        except ConfigError as error:
            raise RecordError(str(error)) from None
        if not text:
            raise RecordError(f"{name}: data.shape.computed.{name} gives nothing for it; fill it in or remove it")
        return text

    def _several(self, columns: Mapping[str, Any], paths: Sequence[str]) -> list[str]:
        """All texts under `paths`, divided at the separator. Raises `RecordError` where there is none."""
        values = [value for path in paths for value in found(columns, path)]
        if paths and not values:
            raise RecordError(f"{paths[0]}: missing; every record of the file needs {' or '.join(paths)}")
        texts = [_text(paths[0], value) for value in values]
        if self.shape.separator:
            pieces = (piece.strip() for text in texts for piece in text.split(self.shape.separator))
            texts = [piece for piece in pieces if piece]
        return texts

    def _gold(self, columns: Mapping[str, Any], choices: tuple[str, ...], answers: tuple[str, ...]) -> tuple[int, ...]:
        if not choices:
            return ()
        if self.shape.label:
            key = next((path for path in self.shape.label if any(True for _ in found(columns, path))), None)
            if key is None:
                raise RecordError(
                    f"{self.shape.label[0]}: missing; every record of the file needs it, and a part that keeps its "
                    "labels back can't be scored"
                )
            return tuple(
                _place(key, label, choices) for value in found(columns, key) for label in self._labels(value, choices)
            )
        return tuple(place for place, choice in enumerate(choices) if choice in answers) or (0,)

    def _labels(self, value: object, choices: tuple[str, ...]) -> Sequence[object]:
        """The labels in one value: several where the separator divides a text that is no choice itself."""
        if self.shape.separator and isinstance(value, str) and value not in choices:
            return [piece.strip() for piece in value.split(self.shape.separator)]
        return [value]


def _unlettered(choices: Sequence[str]) -> tuple[str, ...]:
    """Choices without the letters `A.`, `B)` … before them, where every one has its own."""
    begins = [_LETTER.match(choice) for choice in choices]
    lettered = all(begin and begin[1] == letter for begin, letter in zip(begins, string.ascii_uppercase, strict=False))
    return tuple(
        choice[begin.end() :] if lettered and begin else choice for choice, begin in zip(choices, begins, strict=True)
    )


def _one(columns: Mapping[str, Any], paths: Sequence[str], name: str) -> str:
    """The text of the first of several columns that is there."""
    for path in paths:
        for value in found(columns, path):
            return _text(path, value)
    known = f" (for {name})" if paths[0] != name else ""
    raise RecordError(f"{paths[0]}: missing{known}; every record of the file needs {' or '.join(paths)}")


def _text(key: str, value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if not isinstance(value, str):
        kind = "null" if value is None else type(value).__name__
        raise RecordError(f"{key}: {kind} where text is expected; write it in quotes")
    if not value.strip():
        raise RecordError(f"{key}: empty; fill it in or remove the record")
    return encodable(key, value.strip())


def _place(key: str, value: object, choices: tuple[str, ...]) -> int:
    """Which of the choices a label means. Raises `RecordError` where it is none of them."""
    letters = string.ascii_uppercase[: len(choices)]
    text = str(value).strip()
    for plain in (text, _LETTER.sub("", text)):
        if isinstance(value, str) and plain in choices:
            return choices.index(plain)
    if isinstance(value, str) and text.strip("()") in list(letters):
        return letters.index(text.strip("()"))
    number = _number(value)
    if number is None or not 0 <= number < len(choices):
        known = f"a number from 0 to {len(choices) - 1}, a letter from A to {letters[-1]}, or a choice's text"
        kept_back = "; a part that keeps its labels back can't be scored" if number == -1 or not text else ""
        raise RecordError(f"{key}: {value!r} is no label of these {len(choices)} choices; use {known}{kept_back}")
    return number


def _number(value: object) -> int | None:
    if isinstance(value, str):
        truth = {"false": 0, "true": 1, "-1": -1}.get(value.strip().lower())
        return int(value) if value.strip().isdecimal() else truth
    return int(value) if isinstance(value, int) or (isinstance(value, float) and value.is_integer()) else None
