"""The mirror's process: follows the files of cells in training until the training process closes its pipe."""

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from tunegrid.errors import DamagedError
from tunegrid.interrupt import Interrupted
from tunegrid.mistakes import one_line
from tunegrid.tracker import RunInfo, Tracker
from tunegrid.tracker.mirror import Mirror
from tunegrid.tracker.process import warn

POLL_S = 1.0
"""Between two looks at the files."""
ANSWER_S = 1.0
"""In which a server has to answer when training has ended: a tracker without one is not waited for."""
PATIENCE_S = 20.0
"""How long a tracker whose server answers may take to finish."""
LOCK_S = 5.0
"""How long to wait for another mirror of the same cell, whose training was killed, to end."""
NICENESS = 10
"""Training comes first."""


def follow(tracker: Tracker, infos: Sequence[RunInfo]) -> None:
    """Mirror the folders until the training process ends. What does not get through is said, and the exit code is 1."""
    os.nice(NICENESS)
    ended = threading.Event()
    threading.Thread(target=_watch, args=(tracker, ended), daemon=True).start()
    try:
        _mirror(tracker, infos, ended)
    except Interrupted as order:
        _leave(tracker, f"was stopped by {order}", order.exit_code)
    except Exception as error:
        _leave(tracker, f"stopped: {reason(error)}")


def _mirror(tracker: Tracker, infos: Sequence[RunInfo], ended: threading.Event) -> None:
    """Raises what the tracker raises, at once; `DamagedError` at the end, when the other cells are through."""
    mirrors = [Mirror(tracker, info, LOCK_S) for info in infos]
    damage: list[DamagedError] = []

    def each(action: Callable[[Mirror], None]) -> None:
        for mirror in list(mirrors):
            try:
                action(mirror)
            except DamagedError as error:
                mirrors.remove(mirror)
                damage.append(error)

    while not ended.wait(POLL_S):
        each(Mirror.send)
    each(Mirror.finish)
    if damage:
        raise damage[0]


def _watch(tracker: Tracker, ended: threading.Event) -> None:
    """Wait for the end of the training process or of its interest; then see that this one ends too."""
    sys.stdin.buffer.read()
    ended.set()
    if _answers(tracker.address()):
        time.sleep(PATIENCE_S)
        _leave(tracker, f"was not done {PATIENCE_S:g} s after the training")
    _leave(tracker, "does not answer")


def _answers(address: str | None) -> bool:
    """Whether a server answers in time, and not with an error of its own; true where none is needed."""
    if address is None:
        return True
    answers: queue.Queue[bool] = queue.Queue()
    threading.Thread(target=lambda: answers.put(_asked(address)), daemon=True).start()
    try:
        return answers.get(timeout=ANSWER_S)
    except queue.Empty:
        return False


def _asked(address: str) -> bool:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        with urlopen(address, timeout=ANSWER_S):
            return True
    except HTTPError as error:
        return error.code < 500
    except (OSError, HTTPException):
        return False


def reason(error: Exception) -> str:
    """What went wrong, in one line."""
    return one_line(str(error)) or type(error).__name__


_LEAVING = threading.Lock()
"""Never given back: the second thread that wants to leave waits until the first has ended the process."""


def _leave(tracker: Tracker, event: str, exit_code: int = 1) -> NoReturn:
    """Say why and end at once, not as the interpreter does, where a tracker's library might wait for its server.

    The processes that the library has started end first: nobody else would reap them.
    """
    _LEAVING.acquire()
    warn(tracker, event)
    for children in Path("/proc/self/task").glob("*/children"):  # elsewhere they notice by themselves
        for child in map(int, children.read_text().split()):
            with suppress(OSError):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
    os._exit(exit_code)
