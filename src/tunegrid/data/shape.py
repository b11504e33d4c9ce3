"""What the columns of a data set are, said in its YAML."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tunegrid.config import require


@dataclass(kw_only=True, slots=True)
class Shape:
    """Which columns of a record are what. A column is named by its path: `answers.text` goes into objects and lists.

    Without `answers` and without `label` the format of a file is found by its first record.
    """

    names: list[str]
    """Names of all columns by their order, for CSV and TSV files whose first line has none; empty: it has them."""
    columns: dict[str, list[str]]
    """The text that templates use, by its name there; of the columns it may come from the first present one counts."""
    computed: dict[str, str]
    """More of it: Jinja over the whole record."""
    answers: list[str]
    """Columns of right answers; a record needs one of them."""
    rejected: list[str]
    """Columns of a worse answer, for preference data."""
    choices: list[str]
    """Columns of the answers that are offered."""
    words: list[str]
    """The answers that are offered in every record: words for the classes, by number."""
    label: list[str]
    """Column that says which of them is right: by number from 0, by letter, or by its text. Without one and without
    `answers` among them, the first is right."""
    separator: str | None
    """Divides a text of several answers or choices; null: such a text is one."""
    where: dict[str, str | None]
    """Only records whose column has this value are read; null: all."""

    def __post_init__(self) -> None:
        offered = bool(self.choices) or bool(self.words)
        require(
            not self.label or offered, "data.shape.label", "have data.shape.choices or words to choose from", "none"
        )
        require(not (self.choices and self.words), "data.shape.words", "be empty beside data.shape.choices", self.words)

    @property
    def declared(self) -> bool:
        """Whether anything is said about the columns."""
        return bool(self.answers or self.label)

    def wanted(self, columns: Mapping[str, Any]) -> bool:
        """Whether a record is one of those that are read."""
        conditions = ((path, value) for path, value in self.where.items() if value is not None)
        return all(value in map(str, found(columns, path)) for path, value in conditions)


def found(value: Any, path: str) -> Iterator[Any]:
    """Everything that a path leads to; lists are walked through. A column of exactly that name comes first."""
    if isinstance(value, list):
        for entry in value:
            yield from found(entry, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping):
        name, _, rest = (path, "", "") if path in value else path.partition(".")
        if name in value:
            yield from found(value[name], rest)
