"""The steps of a metrics.jsonl that may still grow."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Step = tuple[int, dict[str, float]]
"""A step, and the values of all its rows."""


class Tail:
    """Reads rows as they come. Rows of one step are joined; the step is whole once a later one has begun."""

    def __init__(self, path: Path):
        self._path = path
        self._read = 0
        """Bytes of whole lines so far."""
        self._last: Step | None = None

    def steps(self, *, ended: bool) -> Iterator[Step]:
        """The steps that have become whole since the last call; with `ended` the last one too."""
        for row in self._rows():
            step = row.pop("step")
            if self._last is None or step > self._last[0]:
                yield from self._taken()
                self._last = (step, row)
            elif step == self._last[0]:
                self._last[1].update(row)
        if ended:
            yield from self._taken()

    def _taken(self) -> Iterator[Step]:
        if self._last is not None and self._last[1]:
            yield self._last
            self._last = (self._last[0], {})

    def _rows(self) -> Iterator[dict[str, Any]]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        yield from map(json.loads, whole.splitlines())
