"""SIGINT, SIGTERM and SIGUSR1 (a cluster's warning): the first asks for an orderly stop, the second stops at once."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PARENT = "TUNEGRID_PARENT"
"""Environment variable in which a sweep tells its child processes its own process id."""


class Interrupted(BaseException):
    """A signal asked this process to stop. Not an `Exception`, so that nothing takes it for a failed cell."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a shell expects: 130 for SIGINT, 143 for the others, which all mean SIGTERM."""
        return 130 if self.number == signal.SIGINT else 143


class _State:
    deferring = False
    pending: int | None = None


_state = _State()


def install() -> None:
    """Raise `Interrupted` on such a signal, or, inside `deferred()`, only take note of the first one."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, _handle)


def requested() -> bool:
    """Whether a signal has arrived inside the current `deferred()`; look between two training steps."""
    return _state.pending is not None


@contextmanager
def deferred() -> Iterator[None]:
    """Let the code inside finish its step and save when a signal arrives; leaving the block raises `Interrupted`."""
    outer, _state.deferring = _state.deferring, True
    try:
        yield
    finally:
        _state.deferring = outer
    check()


def check() -> None:
    """Raise `Interrupted` if a signal has arrived and is not being deferred."""
    if _state.pending is not None and not _state.deferring:
        number, _state.pending = _state.pending, None
        raise Interrupted(number)


def _handle(number: int, frame: FrameType | None) -> None:
    if _state.deferring and _state.pending is None:
        _state.pending = number
        print("interrupted: finishing the step and saving; once more stops at once", file=sys.stderr, flush=True)
        return
    _state.pending = None
    raise Interrupted(number)


def follow_parent(seconds: float = 1.0) -> bool:
    """In a sweep's child: stop as by SIGTERM when the sweep itself is gone (killed, so that it could not tell us).

    Says whether this process is a sweep's child.
    """
    parent = os.environ.pop(PARENT, None)  # popped: our own children have another parent
    if parent is None:
        return False

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(seconds)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the sweep read our stderr: writing to it would now fail
        if not requested():  # a Ctrl-C came first: another signal would stop at once
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="follow-parent", daemon=True).start()
    return True
