"""What ranks do in the tests of `hardware.ranks`: functions that another process can import."""

import os
import signal
import sys
import time
from pathlib import Path

from tunegrid.errors import DataError
from tunegrid.hardware import Accelerator, Hardware, Precision, Strategy, ranks
from tunegrid.hardware.place import here

TWO = Hardware(
    accelerator=Accelerator.cpu,
    devices=2,
    strategy=Strategy.ddp,
    precision=Precision.float32,
    threads=1,
    tokens_per_pass=256,
    generation_rows=8,
    latency_tokens=None,
)
"""Two processes."""


def write_place(folder: Path) -> None:
    (folder / "place").write_text(f"{here().rank} of {here().count}")


def survive_signals(folder: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(os.getpid(), number)
    (folder / "survived").touch()


def fail(words: str) -> None:
    raise ValueError(words)


def blame_the_user(words: str) -> None:
    raise DataError(words)


def be_killed(_: None) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait_long(started: Path | None) -> None:
    if started is not None:
        started.touch()
    time.sleep(600)


def start_and_wait(started: str) -> None:
    with ranks.together(TWO, wait_long, Path(started)):
        time.sleep(600)


def wait_for_one_that_fails() -> None:
    ranks.GRACE_S = 0.3
    with ranks.together(TWO, fail, "gone"):
        time.sleep(600)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
