"""Whether a cell's files are what was written: each by its size at a glance, by its SHA-256 when it is read."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np

from tunegrid.atomic import sync
from tunegrid.cell.result import FileDigest, Result
from tunegrid.errors import DamagedError, damaged

RESULT = "result.json"
CONFIG, METRICS, ANSWERS, SAMPLES = FILES = ("config.yaml", "metrics.jsonl", "answers.jsonl", "samples.json")
ADAPTER = "adapter"


def digests(folder: Path) -> dict[str, FileDigest]:
    """Of every file that a cell leaves, by path in its folder; they are on the disk when this returns.

    `checkpoint/` and `tracker/` are no part of a result.
    """
    places = [*(folder / name for name in FILES), *record_files(folder), folder / ADAPTER]
    paths = [path for place in places for path in (place, *sorted(place.rglob("*"))) if path.exists()]
    for path in paths:
        sync(path)
    return {path.relative_to(folder).as_posix(): digest_of(path) for path in paths if path.is_file()}


def record_files(folder: Path) -> list[Path]:
    """The files of JSON lines that the objective has left for others to learn from."""
    return [path for path in sorted(folder.glob("*.jsonl")) if path.name not in FILES]


def digest_of(path: Path) -> FileDigest:
    """Read a file to its end."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileDigest(size_bytes=os.fstat(file.fileno()).st_size, sha256=digest)


def read_result(folder: Path) -> Result | None:
    """The result of the cell in `folder`; None while it has not ended.

    Raises `DamagedError` where result.json is not what was written, or a file it names is missing or of another size.
    """
    path = folder / RESULT
    if not path.exists():
        return None
    result = Result.read(path)
    for name, written in result.files.items():
        _check_size(folder / name, written)
    return result


def damage(folder: Path) -> dict[str, str]:
    """What is wrong with each file of the cell in `folder` that is not what was written; every byte is read."""
    try:
        result = Result.read(folder / RESULT) if (folder / RESULT).exists() else None
    except DamagedError as error:
        return {RESULT: str(error)}
    found = {}
    for name, written in result.files.items() if result else ():
        try:
            _check_size(folder / name, written)
            _check_digest(folder / name, digest_of(folder / name), written)
        except DamagedError as error:
            found[name] = str(error)
    return found


def read_samples(folder: Path, result: Result) -> dict[str, np.ndarray]:
    """Per-instance statistics by metric: (instances, k) float64 each. Raises `DamagedError`."""
    path = folder / SAMPLES
    if SAMPLES not in result.files:
        raise damaged(path, f"{RESULT} does not name it")
    _check_size(path, result.files[SAMPLES])
    content = path.read_bytes()
    read = FileDigest(size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    _check_digest(path, read, result.files[SAMPLES])
    return {name: np.asarray(entry["statistics"], np.float64) for name, entry in json.loads(content).items()}


def _check_size(path: Path, written: FileDigest) -> None:
    if not path.is_file():
        raise damaged(path, "it is missing")
    size = path.stat().st_size
    if size != written.size_bytes:
        raise damaged(path, f"{size} bytes of {written.size_bytes}")


def _check_digest(path: Path, read: FileDigest, written: FileDigest) -> None:
    if read != written:
        raise damaged(path, "its sha256 is another")
