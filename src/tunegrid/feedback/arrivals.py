"""Lines of events on their way into a session. Imports no torch."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO, Any

from tunegrid.errors import DataError, UserError
from tunegrid.feedback.session import Session

STDIN = "-"
POLL_SECONDS = 0.2


@dataclass(slots=True)
class Arrivals:
    """Puts every whole line of a file, a file that grows, or standard input into a session."""

    session: Session
    name: str
    follow: bool
    """Wait for more lines where the file ends."""
    tell: Callable[[str], None]
    """Is told of each line that is refused, in a line."""
    ended: bool = False
    failure: Exception | None = None
    """Why no more lines are read: a disk that is full."""

    def start(self) -> None:
        """Read a whole file now; what arrives in its own time is read by a thread."""
        if self.name == STDIN or self.follow:
            Thread(target=self._read_safely, name="arrivals", daemon=True).start()
        else:
            self._read()

    def _read_safely(self) -> None:
        try:
            self._read()
        except Exception as failure:
            self.failure = failure

    def _read(self) -> None:
        with _opened(self.name) as file:
            for number, line in enumerate(self._lines(file), 1):
                if line.strip():
                    self._put(line, f"{'stdin' if self.name == STDIN else self.name}:{number}")
        self.ended = True

    def _lines(self, file: IO[bytes]) -> Iterator[bytes]:
        """Lines with their ends; where the file is not followed, also a last one without."""
        begun = b""
        while True:
            begun += file.readline()
            if begun.endswith(b"\n"):
                yield begun
                begun = b""
            elif self.follow and self.name != STDIN:
                time.sleep(POLL_SECONDS)
            else:
                yield begun
                return

    def _put(self, line: bytes, where: str) -> None:
        try:
            columns = read_object(line)
            self.session.accept(columns)
        except UserError as error:
            self.tell(f"{where}: {error}")


def check_source(name: str) -> None:
    """Raise `DataError` where there is nothing to read events from."""
    if name != STDIN and not Path(name).exists():
        raise DataError(f"--from {name}: no such file; correct the path")


def read_object(line: bytes) -> dict[str, Any]:
    """A JSON object. Raises `DataError`."""
    try:
        columns = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}; write one object a line") from None
    if not isinstance(columns, dict):
        raise DataError(f'{type(columns).__name__} where an object is expected; write {{"id": …}}')
    return columns


def _opened(name: str) -> IO[bytes]:
    return sys.stdin.buffer if name == STDIN else Path(name).open("rb")
