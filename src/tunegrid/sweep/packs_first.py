"""Signals to a process that runs packs, or whose workers do: the packs save, then the signal takes its course."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from tunegrid.interrupt import PARENT, Interrupted
from tunegrid.sweep.child import GRACE_S, POLL_S

if TYPE_CHECKING:
    from psutil import Process

ORDERS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""The last two are what a cluster says before a job's time is over; submitit then requeues the job."""


@contextmanager
def packs_first() -> Iterator[None]:
    """Before a handler of the engine's or of ours gives up or requeues: stop the packs beneath us and wait for them.

    Another signal meanwhile takes its course at once. A Ctrl-C also comes to an engine's workers, where it is left to
    the sweep. Ray turns what a handler raises into an error of its own: `Interrupted` is raised again in its place.
    """
    courses = {number: signal.getsignal(number) for number in ORDERS}
    raised: list[Interrupted] = []

    def restore() -> None:
        for number, course in courses.items():
            signal.signal(number, course)

    def handle(number: int, frame: FrameType | None) -> None:
        restore()
        stop_packs()
        course = courses[signal.Signals(number)]
        assert callable(course)
        try:
            course(number, frame)
        except Interrupted as order:
            raised.append(order)
            raise

    for number, course in courses.items():
        if course is signal.default_int_handler:
            signal.signal(number, signal.SIG_IGN)
        elif callable(course):
            signal.signal(number, handle)
    try:
        yield
    except Exception as error:
        if raised:
            raise raised[0] from error
        raise
    finally:
        restore()


def stop_packs() -> None:
    """Tell every pack beneath this process once, those too that an engine starts meanwhile; wait until none is left.

    By SIGTERM: an engine may block SIGINT in all that it starts.
    """
    import psutil

    told: set[int] = set()
    end = time.monotonic() + GRACE_S
    while (packs := _packs()) and time.monotonic() < end:
        for pack in packs:
            if pack.pid not in told:
                told.add(pack.pid)
                with suppress(psutil.Error):  # it has ended meanwhile
                    pack.terminate()
        time.sleep(POLL_S)


def _packs() -> "list[Process]":
    """The living ones, whichever process started them. They are known by what `Child` puts into their environment."""
    import psutil

    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and PARENT in process.environ():
                found.append(process)
    return found
