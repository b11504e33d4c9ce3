"""A child's stderr on its way to ours: passed on as it comes, its last lines kept."""

import os
import re
import sys
import threading
from collections import deque

KEPT_BYTES = 16_000
KEPT_LINES = 20
CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""What moves a terminal's cursor or colours it."""


class Relay:
    """One end for the child to write to, and a thread that reads the other."""

    def __init__(self, prefix: str = ""):
        """`prefix` opens every line, for children that write at the same time; it also takes their bars away."""
        self.prefix = prefix.encode()
        self.reader, self.writer = _terminal() if sys.stderr.isatty() and not prefix else os.pipe()
        self._kept: deque[bytes] = deque()
        self._thread = threading.Thread(target=self._pump, name="relay", daemon=True)

    def start(self) -> None:
        """Call when the child has its own copy of `writer`."""
        os.close(self.writer)
        self._thread.start()

    def finish(self, seconds: float = 1.0) -> list[str]:
        """The last lines, once the child has ended. A grandchild that holds the other end is not awaited."""
        self._thread.join(seconds)
        text = CONTROL.sub("", b"".join(self._kept).decode(errors="replace"))
        return [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip()][-KEPT_LINES:]

    def _pump(self) -> None:
        rest = b""
        while chunk := _read(self.reader):
            self._keep(chunk)
            if self.prefix:
                *lines, rest = (rest + chunk).split(b"\n")
                chunk = b"".join(self.prefix + line + b"\n" for line in lines)
            _write(chunk)
        if rest:
            _write(self.prefix + rest + b"\n")
        os.close(self.reader)

    def _keep(self, chunk: bytes) -> None:
        self._kept.append(chunk)
        while sum(map(len, self._kept)) > KEPT_BYTES and len(self._kept) > 1:
            self._kept.popleft()


def _terminal() -> tuple[int, int]:
    """A pseudo-terminal of our own terminal's size, so that progress bars stay bars."""
    import fcntl
    import pty
    import termios
    import tty

    reader, writer = pty.openpty()
    tty.setraw(writer)
    fcntl.ioctl(writer, termios.TIOCSWINSZ, fcntl.ioctl(2, termios.TIOCGWINSZ, b"\0" * 8))
    return reader, writer


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # how a pseudo-terminal ends
        return b""


def _write(chunk: bytes) -> None:
    try:
        sys.stderr.buffer.write(chunk)
        sys.stderr.buffer.flush()
    except OSError:  # our own reader is gone: the child need not suffer from it
        return
