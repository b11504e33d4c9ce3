"""Cells grouped into rows: cells that differ only in their seed are repeats; the untrained model comes first."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunegrid.cell.identity import BOOKKEEPING
from tunegrid.config import leaves
from tunegrid.errors import ConfigError, unknown
from tunegrid.table.cells import REPEAT_KEYS, CellRecord, setting

OUTSIDE_RESULT = (
    *BOOKKEEPING,
    "hardware",
    "schema.hardware",
    "data.path",
    "model.path",
    "forgetting.text",
    "forgetting.tasks",
)
"""Config keys that cannot change a result; folders would also carry a machine's name into the table."""


@dataclass(frozen=True, slots=True)
class Row:
    """The repeats of one configuration."""

    label: str
    """What the row is called: the row key's value, and what else sets it apart from its namesakes."""
    value: Any
    """The row key's value; None for the untrained model and for methods without that key."""
    series: str
    """What sets the row apart from others with the same value; empty where the value alone does."""
    cells: tuple[CellRecord, ...]
    """Every cell of the row, finished or not."""

    @property
    def done(self) -> tuple[CellRecord, ...]:
        """The cells with scores."""
        return tuple(cell for cell in self.cells if cell.is_done)

    @property
    def is_base(self) -> bool:
        """Whether this is the untrained model."""
        return self.cells[0].is_base


def result_settings(cell: CellRecord) -> dict[str, Any]:
    """The cell's config as dotted keys, without what cannot change a result."""
    return {key: value for key, value in leaves(cell.config) if not _is_outside(key)}


def _is_outside(key: str) -> bool:
    return any(key == outside or key.startswith(f"{outside}.") for outside in OUTSIDE_RESULT)


def group_rows(cells: Sequence[CellRecord], row_key: str) -> tuple[Row, ...]:
    """Group by everything but the seed, in grid order, untrained rows first.

    Raises `ConfigError` when no trained cell has the row key.
    """
    trained = [cell for cell in cells if not cell.is_base]
    if trained and all(setting(cell.config, row_key) is None for cell in trained):
        known = dict.fromkeys(key for cell in trained for key in result_settings(cell))
        raise ConfigError(f"table.row: {unknown('config key', row_key, known)}")
    groups: dict[str, list[CellRecord]] = {}
    for cell in cells:
        groups.setdefault(_identity(cell), []).append(cell)
    members = sorted(groups.values(), key=lambda group: not group[0].is_base)
    names = [_name(group[0], row_key) for group in members]
    rows = []
    for group, name in zip(members, names, strict=True):
        namesakes = [other[0] for other, other_name in zip(members, names, strict=True) if other_name == name]
        series = _apart(group[0], namesakes)
        label = f"{name}, {series}" if series else name
        rows.append(Row(label, setting(group[0].config, row_key), series, tuple(group)))
    return tuple(rows)


def differing(configs: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The dotted keys whose values are not the same in all of the flattened configs, in order of appearance."""
    configs = list(configs)
    keys = dict.fromkeys(key for config in configs for key in config)
    return tuple(key for key in keys if len({_text(config.get(key)) for config in configs}) > 1)


def _identity(cell: CellRecord) -> str:
    kept = {key: value for key, value in result_settings(cell).items() if key not in REPEAT_KEYS}
    return json.dumps(kept, sort_keys=True, default=str)


def _name(cell: CellRecord, row_key: str) -> str:
    if cell.is_base:
        return "base (untrained)"
    value = setting(cell.config, row_key)
    method = setting(cell.config, "schema.method") or setting(cell.config, "method.kind")
    return str(method if value is None else value)


def _apart(cell: CellRecord, namesakes: Sequence[CellRecord]) -> str:
    """The settings that set a cell apart from others of the same name, as `data.rows=1000`."""
    settings = [result_settings(other) for other in namesakes]
    keys = [key for key in differing(settings) if key not in REPEAT_KEYS]
    own = result_settings(cell)
    return ", ".join(f"{key}={own.get(key)}" for key in keys)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
