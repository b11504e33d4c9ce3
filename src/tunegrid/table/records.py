"""The table for machines: one long CSV, and JSON."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from enum import Enum
from typing import Any

from tunegrid.cell.result import Cost
from tunegrid.table.model import Table

HEADER = (
    "kind", "row", "name", "value", "low", "high", "half_width", "seeds", "items", "scale", "published", "difference",
    "verdict", "standing", "p_value",
)  # fmt: skip


def to_csv(table: Table) -> str:
    """One line per score and per cost of each row, in full precision; `kind` is score, cost, setting or missing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(_score_lines(table))
    for head in table.rows:
        for field in fields(Cost):
            value = getattr(head.cost, field.name)
            if value is not None:
                writer.writerow(("cost", head.label, field.name, _exact(value)) + ("",) * 11)
    for head in table.rows:
        for key, value in zip(table.protocol.differing, head.differing, strict=True):
            writer.writerow(("setting", head.label, key, value) + ("",) * 11)
    for key, value in table.protocol.shared:
        writer.writerow(("setting", "", key, value) + ("",) * 11)
    for line in table.missing:
        writer.writerow(("missing", "", line) + ("",) * 12)
    return text.getvalue()


def _score_lines(table: Table) -> Iterator[tuple[str, ...]]:
    for column in table.columns:
        for entry in column.entries:
            yield (
                "score", entry.row, column.name, _exact(entry.value), _exact(entry.low), _exact(entry.high),
                _exact(entry.half_width), str(entry.seeds), _exact(entry.items), _exact(column.scale),
                _exact(entry.published), _exact(entry.difference), entry.verdict.value, entry.standing.value,
                _exact(entry.p_value),
            )  # fmt: skip


def _exact(value: float | None) -> str:
    return "" if value is None else repr(value)


def to_json(table: Table) -> str:
    """The whole table, as it is held in memory."""
    return json.dumps(_json_able(asdict(table)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _json_able(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json_able(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_json_able(entry) for entry in value]
    return value.value if isinstance(value, Enum) else value
