"""How the numbers were made: what all cells share, where rows differ, and where the published protocol differs."""

from collections.abc import Mapping, Sequence
from typing import Any

from tunegrid.table.cells import CellRecord
from tunegrid.table.model import Protocol
from tunegrid.table.published import Published
from tunegrid.table.rows import Row, differing, result_settings
from tunegrid.table.spec import TableSpec

ABSENT = "–"
"""Shown where a cell has no such setting."""


def build_protocol(rows: Sequence[Row], spec: TableSpec, published: Published | None) -> Protocol:
    """Compare the finished cells with each other and with the published protocol."""
    facts = [cell_facts(cell) for row in rows for cell in row.done]
    varying = set(differing(facts))
    keys = sorted({key for fact in facts for key in fact})
    everywhere = [key for key in keys if key not in varying and all(key in fact for fact in facts)]
    shared = [(key, shown(facts[0][key])) for key in everywhere]
    return Protocol(
        lines=tuple(spec.protocol),
        shared=tuple(shared),
        differing=tuple(key for key in keys if key in varying),
        published_source=published.source if published else "",
        published_differences=_published_differences(rows, published),
        published_unknown=published.unknown if published else (),
        published_notes=published.notes if published else (),
    )


def row_differences(row: Row, keys: Sequence[str]) -> tuple[str, ...]:
    """The row's values of some settings; several values (as of the seed) are joined by commas."""
    facts = [cell_facts(cell) for cell in row.done]
    return tuple(", ".join(dict.fromkeys(shown(fact.get(key, ABSENT)) for fact in facts)) for key in keys)


def cell_facts(cell: CellRecord) -> dict[str, Any]:
    """Everything of a finished cell that says how its numbers came about, as one flat mapping."""
    facts = result_settings(cell)
    if cell.result is not None:
        facts |= {f"measured.{key}": value for key, value in cell.result.protocol.items()}
        facts |= {f"version.{key}": value for key, value in cell.result.versions.items()}
        facts |= {f"items.{name}": len(rows) for name, rows in cell.statistics.items()}
        facts["commit"] = cell.result.commit or ABSENT
    return facts


def shown(value: Any) -> str:
    """A config value as a reader would write it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(shown(entry) for entry in value) or "(none)"
    if isinstance(value, Mapping):
        return "(none)" if not value else str(dict(value))
    return str(value)


def _published_differences(rows: Sequence[Row], published: Published | None) -> tuple[tuple[str, str, str], ...]:
    """(key, published, ours). A setting our cells do not record counts as different: it cannot be vouched for."""
    if published is None:
        return ()
    facts = [cell_facts(cell) for row in rows if not row.is_base for cell in row.done]
    found = []
    for key, accepted in published.protocol.items():
        ours = list(dict.fromkeys(shown(fact[key]) if key in fact else "not recorded" for fact in facts))
        if not ours or not all(any(_equal(value, wanted) for wanted in accepted) for value in ours):
            found.append((key, " or ".join(accepted), ", ".join(ours) or "nothing trained"))
    return tuple(found)


def _equal(ours: str, theirs: str) -> bool:
    try:
        return float(ours) == float(theirs)
    except ValueError:
        return ours.lower() == theirs.lower()  # an enum is written by name or by value
