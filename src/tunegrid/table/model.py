"""The table itself, before it is written in any form."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from tunegrid.cell.result import Cost


class Standing(Enum):
    """How a row compares with the best one of its column."""

    BEST = "best"
    TIED = "not distinguishable from best"
    WORSE = "worse than best"
    UNKNOWN = "not compared"


class Verdict(Enum):
    """How a score compares with the published one."""

    REPRODUCED = "reproduced"
    """Same protocol, and the published value lies within our interval."""
    HIGHER = "higher"
    LOWER = "lower"
    OTHER_PROTOCOL = "other protocol"
    NONE = ""
    """Nothing was published, or our score has no interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One score of one row, on the scale of the published table where there is one."""

    row: str
    value: float | None
    """Mean over seeds; None where no cell of the row has the score."""
    half_width: float | None
    """Of the 95 % interval; None where the cells keep no per-instance statistics."""
    seeds: int
    items: int | None
    published: float | None
    published_spread: str | None
    """As printed behind the published number; the notes say what it is."""
    verdict: Verdict
    standing: Standing
    p_value: float | None
    """Of the difference from the best row, Holm-adjusted; None for the best row and where nothing was compared."""

    @property
    def difference(self) -> float | None:
        """Ours − published."""
        return None if self.value is None or self.published is None else self.value - self.published

    @property
    def low(self) -> float | None:
        """Lower end of the interval."""
        return None if self.value is None or self.half_width is None else self.value - self.half_width

    @property
    def high(self) -> float | None:
        """Upper end of the interval."""
        return None if self.value is None or self.half_width is None else self.value + self.half_width


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreColumn:
    """One score of all rows."""

    name: str
    scale: float
    """The entries' scale over that of result.json."""
    decimals: int
    """Digits behind the point of our values in printed forms."""
    published_decimals: int
    """Digits behind the point that were published."""
    lower_is_better: bool
    entries: tuple[Entry, ...]
    published_only: tuple[tuple[str, str], ...]
    """Published rows that are not among ours, and their numbers as printed."""
    seed_deviation: float | None
    """Standard deviation between seeds of one run, pooled over rows; None where no row has two seeds."""
    degrees: int
    """Degrees of freedom of `seed_deviation`."""

    @property
    def heading(self) -> str:
        """The score's name, with its direction and scale where they are not the usual ones."""
        scale = f" ×{self.scale:g}" if self.scale != 1 else ""
        return f"{self.name}{scale}{' ↓' if self.lower_is_better else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowHead:
    """One row, without its scores."""

    label: str
    x: float | None
    """The place on the figures' horizontal axis; None for the untrained model and where the key holds no number."""
    values: tuple[Any, ...]
    """Of `Table.row_keys`."""
    series: str
    is_base: bool
    cost: Cost
    """Mean over the row's finished cells."""
    differing: tuple[str, ...]
    """The row's values of `Protocol.differing`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How the numbers were made."""

    lines: tuple[str, ...]
    """The experiment's own remarks."""
    shared: tuple[tuple[str, str], ...]
    """Settings that all cells share."""
    differing: tuple[str, ...]
    """Settings in which rows differ."""
    published_source: str
    """Empty where there is no published table."""
    published_differences: tuple[tuple[str, str, str], ...]
    """(key, published, ours) where the two protocols differ."""
    published_unknown: tuple[str, ...]
    published_notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Everything that any form of the table shows."""

    experiment: str
    title: str
    row_keys: tuple[str, ...]
    """The config keys that make the rows; the last is compared where the others are the same."""
    x_key: str
    """The config key along the figures' horizontal axis."""
    rows: tuple[RowHead, ...]
    columns: tuple[ScoreColumn, ...]
    missing: tuple[str, ...]
    """What is not finished, and how to get it; empty for a complete table."""
    notes: tuple[str, ...]
    protocol: Protocol

    def column(self, name: str) -> ScoreColumn:
        """The column of a score."""
        return next(column for column in self.columns if column.name == name)
