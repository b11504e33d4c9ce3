"""One value of a setting for each row, chosen by a score of the validation rows; the test set has no say in it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from tunegrid.table.cells import REPEAT_KEYS, CellRecord, setting
from tunegrid.table.layout import short_key
from tunegrid.table.protocol import shown
from tunegrid.table.rows import result_settings
from tunegrid.table.spec import ChoiceSpec


@dataclass(frozen=True, slots=True)
class Choice:
    """What is left of a grid."""

    cells: tuple[CellRecord, ...]
    """Those with the chosen values, and all of rows that have one value only."""
    notes: tuple[str, ...]
    """How it was chosen, and where the best value is the first or the last that was tried."""


def choose(cells: Sequence[CellRecord], spec: ChoiceSpec) -> Choice:
    """Keep of each row the cells with the value of `spec.key` whose mean `spec.by` over seeds is best."""
    rows: dict[str, dict[str, list[CellRecord]]] = {}
    for cell in cells:
        rows.setdefault(_row(cell, spec.key), {}).setdefault(_value(cell, spec.key), []).append(cell)
    kept: set[str] = set()
    edges = []
    for candidates in rows.values():
        best = _best(candidates, spec.by)
        kept.update(cell.id for cell in candidates[best])
        if _at_edge(candidates, best) and any(cell.score(spec.by) is not None for cell in candidates[best]):
            edges.append(f"{setting(candidates[best][0].config, 'method.kind')} ({short_key(spec.key)} {best})")
    return Choice(tuple(cell for cell in cells if cell.id in kept), tuple(_notes(cells, spec, edges)))


def _row(cell: CellRecord, key: str) -> str:
    settings = {k: v for k, v in result_settings(cell).items() if k not in (*REPEAT_KEYS, key)}
    return json.dumps(settings, sort_keys=True, default=str)


def _value(cell: CellRecord, key: str) -> str:
    return shown(setting(cell.config, key))


def _best(candidates: dict[str, list[CellRecord]], score: str) -> str:
    """The value with the best mean over finished seeds; the first where none has finished."""
    means = {}
    for value, group in candidates.items():
        found = [own for cell in group if (own := cell.score(score)) is not None]
        if found:
            means[value] = sum(found) / len(found)
    if not means:
        return next(iter(candidates))
    return min(means, key=means.__getitem__)  # of both scores that there are, lower is better


def _at_edge(candidates: dict[str, list[CellRecord]], best: str) -> bool:
    """Whether a better value may lie beyond those that were tried."""
    try:
        ordered = sorted(candidates, key=float)
    except ValueError:
        return False
    return len(ordered) > 1 and best in (ordered[0], ordered[-1])


def _notes(cells: Sequence[CellRecord], spec: ChoiceSpec, edges: Sequence[str]) -> list[str]:
    tried = dict.fromkeys(_value(cell, spec.key) for cell in cells if not cell.is_base)
    rule = f"each row's is the one with the best {spec.by}, over all seeds; the test set had no part in it"
    lines = [f"{short_key(spec.key)}: {', '.join(tried)} were tried; {rule}."]
    if edges:
        lines.append(f"Best at the edge of what was tried, so that a better one may lie beyond: {', '.join(edges)}.")
    return lines
