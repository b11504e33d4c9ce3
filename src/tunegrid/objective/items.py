"""Objectives that train nothing: item by item, each on the disk as soon as it is done. Imports no torch."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tunegrid import interrupt
from tunegrid.atomic import full_disk_told
from tunegrid.cell.cell import CHECKPOINT
from tunegrid.objective import Journal, Trained

ITEMS = "items.jsonl"
"""In the checkpoint's folder: a line `SHA-256 JSON` for each item that is done."""


@dataclass(frozen=True, slots=True)
class Item:
    """What came of one item, such as a prompt."""

    content: Mapping[str, Any]
    """As JSON; the objective's own."""
    tokens: int
    """Tokens without padding that went through the model."""
    values: Mapping[str, float]
    """Logged, as means over the items done at once."""
    seconds: float = 0.0
    """Its share of the time of the items done at once."""


def one_by_one(
    count: int,
    at_once: int,
    work: Callable[[range], Sequence[Item]],
    journal: Journal,
    report: Callable[[int, int, str], None],
) -> list[Item]:
    """`work(places)` for 0 … count - 1, some at once, without those that an earlier attempt has left.

    What is drawn for an item must be a function of its place and the cell's seed. A signal is heeded between two calls.
    """
    path = journal.folder / CHECKPOINT / ITEMS
    items = _opened(path, count, at_once)
    journal.rewind(len(items))
    with interrupt.deferred():
        while len(items) < count and not interrupt.requested():
            report(len(items), count, "")
            start = time.perf_counter()
            done = work(range(len(items), min(len(items) + at_once, count)))
            seconds = (time.perf_counter() - start) / len(done)
            done = [replace(item, seconds=seconds) for item in done]
            journal.log(len(items) + len(done), _means(done))
            _append(path, done)
            items += done
    return items


def untrained(
    items: Sequence[Item], statistics: np.ndarray, records: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Trained:
    """What a cell came to whose objective has trained nothing; `statistics` (items, k), see `Objective.statistics`."""
    return Trained(
        steps=0,
        kept_step=0,
        tokens=sum(item.tokens for item in items),
        seconds=sum(item.seconds for item in items),
        validation_seconds=0.0,
        validation=statistics,
        diverged=False,
        diverged_rows=(),
        pruned=False,
        records=records,
    )


def _means(items: Sequence[Item]) -> dict[str, float]:
    return {name: float(np.mean([item.values[name] for item in items])) for name in items[0].values}


def _opened(path: Path, count: int, at_once: int) -> list[Item]:
    """The items of an earlier attempt, in whole calls; what stands behind them in the file is removed."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    items = list(_intact(lines))
    kept = len(items) if len(items) == count else len(items) // at_once * at_once
    if len(lines) > kept:
        os.truncate(path, sum(map(len, lines[:kept])))
    return items[:kept]


def _intact(lines: Iterable[bytes]) -> Iterator[Item]:
    """The items before the first line that is not as it was written."""
    for line in lines:
        digest, _, text = line.partition(b" ")
        if hashlib.sha256(text).hexdigest().encode() != digest:
            return
        yield Item(**json.loads(text))


def _line(item: Item) -> bytes:
    text = f"{json.dumps(asdict(item))}\n".encode()
    return b" ".join((hashlib.sha256(text).hexdigest().encode(), text))


def _append(path: Path, items: Sequence[Item]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with full_disk_told(path), path.open("ab") as file:
        file.write(b"".join(map(_line, items)))
        file.flush()
        os.fsync(file.fileno())
