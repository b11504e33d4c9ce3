"""METEOR 1.5 through its Java program, which the PyPI package `pycocoevalcap` carries; one process serves all calls."""

import atexit
import importlib.util
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

import numpy as np

from tunegrid.metrics import Score, Unavailable
from tunegrid.metrics.meteor_formula import COLUMNS, additive

NO_JAVA = "METEOR 1.5 runs on Java, and there is no `java` on PATH; install a Java runtime, 8 or later"
NO_JAR = "METEOR 1.5's program comes with pycocoevalcap; pip install 'tunegrid[meteor]'"
_SEPARATOR = "|||"


class MeteorUnavailableError(Exception):
    """METEOR can't be computed here; the message says how to get it."""


def statistics(answers: Iterable[Sequence[str]], references: Iterable[Sequence[Sequence[str]]]) -> np.ndarray:
    """METEOR's sufficient statistics of tokenised answers against tokenised references, (instances, 23), summable.

    Raises `MeteorUnavailableError` without Java, without the jar, or when the Java process ends early.
    """
    process = _shared_process()
    rows = [process.segment(answer, several) for answer, several in zip(answers, references, strict=True)]
    return additive(np.array(rows, dtype=np.float64).reshape(len(rows), COLUMNS))


def score(answers: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> Score | Unavailable:
    """METEOR of tokenised answers, or why it could not be computed."""
    try:
        return Score("METEOR", statistics(answers, references))
    except MeteorUnavailableError as error:
        return Unavailable("METEOR", str(error))


def find_jar() -> Path | None:
    """Where pycocoevalcap keeps the jar; its Python code is not imported."""
    package = importlib.util.find_spec("pycocoevalcap")
    folders = package.submodule_search_locations if package else None
    jars = (Path(folder) / "meteor" / "meteor-1.5.jar" for folder in folders or ())
    return next((jar for jar in jars if jar.is_file()), None)


class MeteorProcess:
    """A running METEOR that reads segments from stdin. Loading its paraphrase table takes seconds, so it is kept."""

    def __init__(self) -> None:
        java, jar = shutil.which("java"), find_jar()
        if java is None:
            raise MeteorUnavailableError(NO_JAVA)
        if jar is None:
            raise MeteorUnavailableError(NO_JAR)
        command = [java, "-Xmx2G", "-jar", str(jar), "-", "-", "-stdio", "-l", "en", "-norm"]
        self._lock = Lock()
        self._process = subprocess.Popen(
            command,
            cwd=jar.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def segment(self, answer: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
        """Return the 23 statistics of one answer against the reference that gives it the best score."""
        texts = [_plain(reference) for reference in references]
        fields = self._ask(f" {_SEPARATOR} ".join(["SCORE", *texts, _plain(answer)])).split()
        if len(fields) != COLUMNS:
            self.close()  # its answers may no longer belong to our questions
            raise MeteorUnavailableError(f"METEOR's Java process answered {' '.join(fields)[:200]!r}")
        return [float(field) for field in fields]

    def _ask(self, line: str) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        with self._lock:
            try:
                stdin.write(f"{line}\n")
                stdin.flush()
                answer = stdout.readline()
            except (OSError, ValueError) as error:
                raise MeteorUnavailableError(f"METEOR's Java process can't be reached ({error})") from error
        if not answer:
            code = self._process.wait()
            raise MeteorUnavailableError(f"METEOR's Java process ended with code {code}; it needs 2 GB of memory")
        return answer

    def close(self) -> None:
        """End the process and wait for it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(OSError):  # what the process never read can't be flushed
                    pipe.close()


def _plain(tokens: Sequence[str]) -> str:
    """One line without METEOR's separator."""
    return " ".join(tokens).replace(_SEPARATOR, "").replace("\n", " ")


_processes: list[MeteorProcess] = []


def _shared_process() -> MeteorProcess:
    while _processes and not _processes[-1].alive:
        _processes.pop().close()
    if not _processes:
        _processes.append(MeteorProcess())
    return _processes[-1]


@atexit.register
def close_shared_process() -> None:
    """End the shared Java process, if one runs."""
    while _processes:
        _processes.pop().close()
