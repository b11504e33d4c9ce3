"""Where examples come from. An option reads its source into `Splits`; tokenising is the same for all."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from tunegrid.config import require
from tunegrid.data.content_hash import hash_parts
from tunegrid.data.template import Template

__all__ = ["GROUP", "CopiedRows", "Data", "Example", "LongRows", "Splits", "Template", "Turn"]


GROUP = "group"
"""The column of a data set that says what an instance belongs to: the question that it is an answer to, for example."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: str
    """`system`, `user` or `assistant`."""
    content: str


@dataclass(frozen=True, slots=True)
class Example:
    """One instance of a task."""

    key: str
    """Names the instance within its split: for a file, `file:line`."""
    fields: Mapping[str, str]
    """The columns a template may use, by the data set's own names."""
    references: tuple[str, ...]
    """Every answer that counts as right; training makes one row of each. Nobody has answered a question without."""
    turns: tuple[Turn, ...] = ()
    """For chat data: the conversation before the answer. Empty where `fields` hold the prompt."""
    choices: tuple[str, ...] = ()
    """Where the answer is one of a few given ones: all of them, in the source's order."""
    gold: tuple[int, ...] = ()
    """Which of `choices` are right, by index."""
    rejected: tuple[str, ...] = ()
    """For preference data: the worse answer to each of `references`."""
    task: str | None = None
    """The part of a mixture that it is from."""


@dataclass(frozen=True, slots=True)
class Splits:
    """The three parts of a data set; validation chooses, test is touched once."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    notes: tuple[str, ...] = ()
    """What the protocol of a number must say about how the parts came to be, one sentence each."""


class LongRows(Enum):
    """What happens to a row of more than `data.max_length` tokens."""

    drop = "drop"
    """Leave it out, and say how many were."""
    truncate = "truncate"
    """Cut its end, and say how many were cut. A row whose prompt alone is too long is left out."""
    refuse = "refuse"
    """Stop with an error that names the first."""


class CopiedRows(Enum):
    """What happens to training rows that are copies."""

    keep = "keep"
    """Train on them, and say how many there are."""
    remove = "remove"
    """Leave out those that repeat an earlier row and those whose prompt tests, exactly or nearly, and say how many."""


@dataclass(kw_only=True, slots=True)
class Data(ABC):
    """Where examples come from."""

    template: Template
    rows: int | None
    """Training rows to use (one row = one prompt with one reference), chosen at random by `data.split_seed`; null: all.
    A smaller choice is always part of a larger one, so that curves over the size of the data are nested."""
    validation_rows: int | None
    """Validation rows to use; null: all."""
    test_rows: int | None
    """Test instances to use; null: all."""
    split_seed: int
    """Seed of every choice of rows; not the run's seed, so that all cells see the same data."""
    max_length: int
    """Most tokens of a training or validation row, prompt and completion together. Test prompts are never cut."""
    long_rows: LongRows
    """What happens to a row over `max_length`: drop, truncate or refuse."""
    copies: CopiedRows
    """What happens to training rows that are copies of others or ask what the test part asks: keep or remove."""

    def __post_init__(self) -> None:
        for name in ("rows", "validation_rows", "test_rows"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"data.{name}", "be at least 1, or null for all", value)
        require(self.max_length >= 2, "data.max_length", "be at least 2 tokens", self.max_length)

    @abstractmethod
    def splits(self) -> Splits:
        """Read and check the source. Raises `DataError` naming `file:line: key`. Imports no torch."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of all that `splits` depends on: file contents, generator version, hub revision, reading options.

        The choice of rows (`rows`, `validation_rows`, `test_rows`) and the template are not part of it.
        Imports no torch, reads no network.
        """

    def identity(self) -> str:
        """A hash of everything outside the config that the rows depend on: the source and the files of templates."""
        return hash_parts((self.fingerprint(), self.template.files()))
