"""The command line in a process of its own, with training replaced by `stand_in/`."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

STAND_IN = Path(__file__).parent / "stand_in"
SMALL = ("model=tiny", "tracker=none", "data.rows=20", "data.validation_rows=4", "data.test_rows=4")
TRAINED = (
    "model=tiny",
    "metrics=text",
    "hardware=cpu",
    "hardware.precision=float32",
    "hardware.threads=1",
    "prompt.chat=never",
    "data.rows=24",
    "data.validation_rows=6",
    "data.test_rows=4",
    "objective.steps=6",
    "objective.warmup_steps=1",
    "objective.validate_every=3",
    "sampler.max_new_tokens=6",
)
"""A run that takes seconds without the stand-in."""
REAL = {"PYTHONPATH": ""}
"""For `start`: without the stand-in."""


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Training stood in for; homes and caches inside `folder`."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB", "HYDRA"))}
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join([str(STAND_IN), inherited.get("PYTHONPATH", "")]),
        "STAND_IN_LOG": str(folder / "log.txt"),
        "HOME": str(folder / "home"),
        **more,
    }


def start(folder: Path, *arguments: str, stderr: int = subprocess.PIPE, **more: str) -> "subprocess.Popen[str]":
    """Start `tunegrid ARGUMENTS` in `folder/work`."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "tunegrid", *arguments],
        cwd=work,
        env=environment(folder, **more),
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def run(folder: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run `tunegrid ARGUMENTS` in `folder/work` to its end."""
    process = start(folder, *arguments, **more)
    out, err = finish(process)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def finish(process: "subprocess.Popen[str]", seconds: float = 60) -> tuple[str, str]:
    """Wait for a process that `start` began; its stdout and stderr."""
    with process:
        try:
            return process.communicate(timeout=seconds)
        finally:
            process.kill()


def log(folder: Path) -> list[str]:
    """The packs that ran, each the titles of its cells."""
    path = folder / "log.txt"
    return path.read_text().splitlines() if path.exists() else []


def files(folder: Path) -> list[str]:
    """Everything the command left in its working directory."""
    return sorted(str(path.relative_to(folder / "work")) for path in (folder / "work").rglob("*"))


def wait_for(path: Path, seconds: float = 60) -> None:
    """Wait until a file is there."""
    wait_until(path.exists, seconds)


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.05)
