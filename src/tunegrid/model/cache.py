"""The user's cache folder, and content hashes of files that are remembered there."""

import hashlib
import json
import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder for everything that can be made again: `$TUNEGRID_CACHE`, or `~/.cache/tunegrid`."""
    chosen = os.environ.get("TUNEGRID_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "tunegrid"


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_hash(path: Path) -> str:
    """`file_sha256`, remembered for as long as the file's size, inode and modification time stay the same.

    Those three decide only whether to read the file again; the value depends on the bytes alone.
    """
    path = path.resolve()
    status = path.stat()
    stamp = [status.st_size, status.st_ino, status.st_mtime_ns]
    memory = cache_folder() / "hashes" / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"
    known = _read(memory)
    if known and known[0] == stamp:
        return str(known[1])
    digest = file_sha256(path)
    _remember(memory, [stamp, digest])
    return digest


def _read(memory: Path) -> list | None:
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        return None
    return known if isinstance(known, list) and len(known) == 2 else None


def _remember(memory: Path, entry: list) -> None:
    # A read-only cache only costs time: the hash is computed again.
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        temporary = memory.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(entry))
        temporary.replace(memory)
    except OSError:
        pass
