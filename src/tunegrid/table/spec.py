"""What a table shows: the `table:` block of experiments/<name>.yaml."""

from dataclasses import dataclass

from tunegrid.config import require
from tunegrid.errors import ConfigError, unknown
from tunegrid.metrics.combine import MEASURES


@dataclass(kw_only=True, slots=True)
class FigureSpec:
    """One curve: a score against a config key."""

    x: str
    """The config key along the horizontal axis, for example `method.rank`."""
    y: str
    """The score, one of the table's columns."""


@dataclass(kw_only=True, slots=True)
class TableSpec:
    """One table of an experiment."""

    title: str
    """The heading of every form of the table."""
    row: str
    """The config key that makes the rows; cells that differ only in their seed are repeats of one row."""
    columns: list[str]
    """The scores, in order."""
    published: str | None
    """The file of published numbers beside the experiment, for example `lora_rank.csv`; null: none."""
    figure: FigureSpec | None
    """What table.png shows; null: no figure."""
    protocol: list[str]
    """Short lines on how the numbers were made that the config does not say."""

    def __post_init__(self) -> None:
        """Refuse an empty table and a figure of a score that is not in it."""
        require(bool(self.row), "table.row", "name a config key such as method.rank", repr(self.row))
        for name in self.columns:
            if name not in MEASURES:
                raise ConfigError(f"table.columns: {unknown('metric', name, MEASURES)}")
        require(bool(self.columns), "table.columns", "name at least one score", self.columns)
        require(len(set(self.columns)) == len(self.columns), "table.columns", "name each score once", self.columns)
        if self.figure is not None:
            known = f"be one of table.columns ({', '.join(self.columns)})"
            require(self.figure.y in self.columns, "table.figure.y", known, self.figure.y)
