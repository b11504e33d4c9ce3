"""The processes that train one pack together: the first starts the others, and they do not outlive it."""

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TypeVar

from tunegrid.errors import UserError
from tunegrid.hardware import Hardware
from tunegrid.hardware.machine import check_devices
from tunegrid.hardware.place import ALONE, Place, take

T = TypeVar("T")

NOTICE_S = 2.0
"""How long after an error here to look for the failure of another rank that may have caused it."""

GRACE_S = 10.0
"""How long after the failure of another rank this one may go on before it is ended."""


class RankError(RuntimeError):
    """Another rank failed; the message is what it said."""


@contextmanager
def together(hardware: Hardware, follow: Callable[[T], None], what: T) -> Iterator[None]:
    """Inside the block this process is rank 0 of `hardware.devices`, and each of the others runs `follow(what)`.

    The others end with `follow`, or with the block if that is left by an error or a signal; signals themselves come to
    rank 0 only. `follow` is a function of a module. Raises `RankError` if another rank fails.
    """
    if hardware.devices == 1:
        yield
        return
    check_devices(hardware)
    with tempfile.TemporaryDirectory(prefix="tunegrid-", ignore_cleanup_errors=True) as folder:
        first, *places = (Place(rank, hardware.devices, Path(folder)) for rank in range(hardware.devices))
        others: list[BaseProcess] = []
        left = threading.Event()
        try:
            for place in places:
                others.append(_started(place, follow, what))
            threading.Thread(target=_end_with, args=(others, left), name="end-with-ranks", daemon=True).start()
            take(first)
            yield
            _await(others)
        except UserError:
            raise
        except Exception as error:
            if failure := _failure(others, places):
                raise failure from error
            raise
        finally:
            left.set()
            take(ALONE)
            _kill(others)


def _started(place: Place, follow: Callable[[T], None], what: T) -> BaseProcess:
    other = multiprocessing.get_context("spawn").Process(target=_run, args=(place, follow, what))
    other.start()
    return other


def _run(place: Place, follow: Callable[[T], None], what: T) -> None:
    """What another rank than the first does. It leaves without ceremony: nothing of its own is to be kept."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # rank 0 says when to stop
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    take(place)
    try:
        follow(what)
    except Exception as error:
        if not place.over.exists():
            _tell(place, error)
            os._exit(1)
    os._exit(0)


def _tell(place: Place, error: Exception) -> None:
    place.failure.write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
    if not isinstance(error, UserError):
        traceback.print_exc()
        sys.stderr.flush()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _end_with(others: Sequence[BaseProcess], left: threading.Event) -> None:
    """End this process if another has failed and it does not notice: a GPU waits for its peers without end."""
    watched = {other.sentinel: other for other in others}
    while watched:
        ended = [watched.pop(sentinel) for sentinel in wait(list(watched)) if isinstance(sentinel, int)]
        if left.wait(GRACE_S):
            return
        if any(other.exitcode for other in ended):
            print("another rank failed while this one waited for it; giving up", file=sys.stderr, flush=True)
            os._exit(1)


def _failure(others: Sequence[BaseProcess], places: Sequence[Place]) -> RankError | None:
    """Why another rank ended badly, if one did: its company often notices before it is gone."""
    ending = wait([other.sentinel for other in others], NOTICE_S)
    for other, place in zip(others, places, strict=True):
        if other.sentinel in ending:
            other.join()
        if other.exitcode:
            return RankError(f"rank {place.rank}: {_reason(place, other.exitcode)}")
    return None


def _reason(place: Place, exit_code: int) -> str:
    if place.failure.exists():
        return place.failure.read_text(encoding="utf-8")
    if exit_code > 0:
        return f"the process exited with {exit_code}"
    return f"the process was killed by {signal.Signals(-exit_code).name}"


def _await(others: Sequence[BaseProcess]) -> None:
    for other in others:
        other.join(GRACE_S)


def _kill(others: Sequence[BaseProcess]) -> None:
    for other in others:
        other.kill()
        other.join()
