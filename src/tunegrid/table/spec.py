"""What a table shows: the `table:` block of experiments/<name>.yaml."""

from dataclasses import dataclass, fields
from typing import Any

from tunegrid.cell.result import Cost
from tunegrid.config import require
from tunegrid.errors import ConfigError, unknown
from tunegrid.metrics.by_task import metric_of
from tunegrid.metrics.combine import MEASURES

VALIDATION = ("val_loss", "perplexity")
COSTS = tuple(field.name for field in fields(Cost))
COST = "cost."
"""What a figure's x begins with where it is a cost."""
SCORE = "score."
"""What it begins with where it is a score, which is then what the other is paid for with, as a KL is."""


@dataclass(kw_only=True, slots=True)
class ChoiceSpec:
    """A setting of which each row shows one value only."""

    key: str
    """The config key, for example `objective.learning_rate`."""
    by: str
    """The score by which the value is chosen. It has to be one of the validation rows: `val_loss` or `perplexity`."""

    def __post_init__(self) -> None:
        if self.by not in VALIDATION:
            raise ConfigError(f"table.choose.by: {unknown('score of the validation rows', self.by, VALIDATION)}")


@dataclass(kw_only=True, slots=True)
class FigureSpec:
    """What the figure of a score is.

    Curves over a config key; against a cost or a score, points and the front of the best; a heat map over both row keys
    of a table that has two, where `x` is one of them.
    """

    x: str
    """The config key along the horizontal axis, for example `method.rank`, `cost.` and a cost of result.json, or
    `score.` and a score of which less is better."""
    y: str
    """The score, one of the table's columns; in a heat map the colour."""


@dataclass(kw_only=True, slots=True)
class TableSpec:
    """One table of an experiment."""

    title: str
    """The heading of every form of the table."""
    row: Any
    """The config key that makes the rows, or a list of keys, of which the last is compared where the others are the
    same; cells that differ only in their seed are repeats of one row."""
    columns: list[str]
    """The scores, in order."""
    published: str | None
    """The file of published numbers beside the experiment, for example `lora_rank.csv`; null: none."""
    figure: FigureSpec | None
    """What table.png shows; null: no figure."""
    choose: ChoiceSpec | None
    """null: every value of every setting has a row of its own."""
    protocol: list[str]
    """Short lines on how the numbers were made that the config does not say."""
    stages: list[str]
    """The stages of a chain whose cells make the rows; empty: the last."""

    def __post_init__(self) -> None:
        """Refuse an empty table and a figure of a score that is not in it."""
        named = bool(self.row_keys) and all(isinstance(key, str) and key for key in self.row_keys)
        require(named, "table.row", "name a config key such as method.rank, or a list of them", repr(self.row))
        require(len(set(self.row_keys)) == len(self.row_keys), "table.row", "name each key once", self.row)
        for name in self.columns:
            if metric_of(name) not in MEASURES:
                raise ConfigError(f"table.columns: {unknown('metric', name, MEASURES)}")
        require(bool(self.columns), "table.columns", "name at least one score", self.columns)
        require(len(set(self.columns)) == len(self.columns), "table.columns", "name each score once", self.columns)
        if self.figure is not None:
            known = f"be one of table.columns ({', '.join(self.columns)})"
            require(self.figure.y in self.columns, "table.figure.y", known, self.figure.y)
            cost = self.figure.x.removeprefix(COST)
            if cost != self.figure.x and cost not in COSTS:
                raise ConfigError(f"table.figure.x: {unknown('cost', cost, COSTS)}")
            score = self.figure.x.removeprefix(SCORE)
            if score != self.figure.x and metric_of(score) not in MEASURES:
                raise ConfigError(f"table.figure.x: {unknown('metric', score, MEASURES)}")

    @property
    def row_keys(self) -> tuple[str, ...]:
        """The config keys that make the rows."""
        return tuple(self.row) if isinstance(self.row, list) else (self.row,)
