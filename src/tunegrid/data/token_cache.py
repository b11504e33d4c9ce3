"""Tokenised data on disk, found again by content. Arrays are memory-mapped `.npy` files; nothing is pickled."""

import json
import shutil
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tunegrid.data.token_rows import PreparedData, Question, TokenizedRows
from tunegrid.model.cache import cache_folder, file_sha256

FORMAT = 3
"""Goes up with any change to the files, so that old ones are never misread."""
_ARRAYS = ("ids", "offsets", "prompt_lengths", "tasks")
_MANIFEST = "manifest.json"


def default_folder() -> Path:
    """The part of the user's cache that holds tokenised data."""
    return cache_folder() / "tokenized"


def load(folder: Path, fingerprint: str) -> PreparedData | None:
    """Read what `store` wrote in `folder/fingerprint`; None where it is absent or damaged (by size or SHA-256)."""
    entry = folder / fingerprint
    try:
        manifest = json.loads((entry / _MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT or manifest["fingerprint"] != fingerprint:
            return None
        for name, (size, digest) in manifest["files"].items():
            if (entry / name).stat().st_size != size or file_sha256(entry / name) != digest:
                return None
        contents = json.loads((entry / "contents.json").read_text(encoding="utf-8"))
        return PreparedData(
            _load_rows(entry, "train"),
            _load_rows(entry, "validation"),
            [Question(**question) for question in contents["questions"]],
            tuple(contents["stop_ids"]),
            fingerprint,
            tuple(contents["notes"]),
            tuple(contents["tasks"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def store(folder: Path, prepared: PreparedData) -> None:
    """Write `prepared` under a temporary name, then rename: a reader sees all of it or nothing. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder, prefix=f".{prepared.fingerprint[:16]}."))
    try:
        _write(work, prepared)
        _put_in_place(work, folder / prepared.fingerprint)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _load_rows(entry: Path, part: str) -> TokenizedRows:
    arrays = (np.load(entry / f"{part}.{name}.npy", mmap_mode="r", allow_pickle=False) for name in _ARRAYS)
    return TokenizedRows(*arrays)


def _write(work: Path, prepared: PreparedData) -> None:
    for part, rows in (("train", prepared.train), ("validation", prepared.validation)):
        for name in _ARRAYS:
            np.save(work / f"{part}.{name}.npy", getattr(rows, name), allow_pickle=False)
    contents: dict[str, Any] = {
        "questions": [asdict(question) for question in prepared.questions],
        "stop_ids": prepared.stop_ids,
        "notes": prepared.notes,
        "tasks": prepared.tasks,
    }
    (work / "contents.json").write_text(json.dumps(contents, ensure_ascii=False), encoding="utf-8")
    files = {file.name: (file.stat().st_size, file_sha256(file)) for file in sorted(work.iterdir())}
    manifest = {"format": FORMAT, "fingerprint": prepared.fingerprint, "files": files}
    (work / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _put_in_place(work: Path, entry: Path) -> None:
    """Rename `work` to `entry`, setting aside what is there: only a damaged entry is ever written again.

    Open memory maps of the old entry stay valid: its files lose their names, not their contents.
    """
    if entry.exists():
        aside = Path(tempfile.mkdtemp(dir=entry.parent, prefix=".old."))
        with suppress(FileNotFoundError):  # another process set it aside first
            entry.rename(aside / "entry")
        shutil.rmtree(aside, ignore_errors=True)
    try:
        work.rename(entry)
    except OSError:
        if not entry.exists():
            raise
        # another process wrote the same content first: keep its copy
