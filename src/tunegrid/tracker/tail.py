"""The steps of a metrics.jsonl that may still grow."""

import json
from collections.abc import Iterator
from pathlib import Path

from tunegrid.errors import damaged

Step = tuple[int, dict[str, float]]
"""A step, and the values of one of its rows or of all."""


class Tail:
    """Reads rows as they come. Rows of one step are joined; the step is whole once a later one has begun."""

    def __init__(self, path: Path):
        self._path = path
        self._read = 0
        """Bytes of whole lines so far."""
        self._last: Step | None = None

    def steps(self, *, ended: bool) -> Iterator[Step]:
        """The steps that have become whole since the last call; with `ended` the last one too.

        Raises `DamagedError` where a whole line is no row.
        """
        for step, row in self._rows():
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

    def _rows(self) -> list[Step]:
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        try:
            return [(row.pop("step"), row) for row in map(json.loads, whole.splitlines())]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise damaged(self._path, error) from error
