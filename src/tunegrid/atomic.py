"""Files that are either whole or absent, also after a power cut or on a full disk."""

import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says of a disk, a quota, or a limit on file sizes that is used up."""
PART = ".part"
"""The end of the name of a file that is not whole yet."""


class DiskFullError(OSError):
    """A file did not fit on its disk; in one line."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace `path` with `content` (text as UTF-8), as `replaced` does."""
    with replaced(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A file beside `path`, under a temporary name, to write into; in the end it is synced and renamed to `path`.

    A reader sees the old file or the new one, never a part; after an error the old one stays and the part is removed.
    The folder is made where it is missing. Raises `DiskFullError`.
    """
    with full_disk_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART)
        os.close(descriptor)
        part = Path(name)
        try:
            yield part
            sync(part)
            part.chmod(0o666 & ~_umask())  # mkstemp makes it private; a shared folder expects the user's mask
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        sync(path.parent)


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Make `folder`, and wait until no other process is inside such a block for it."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_parts(folder: Path, names: str = "*") -> None:
    """Remove what a process that was killed left half written of some files; nobody may be writing them."""
    for part in folder.glob(f".{names}{PART}"):
        remove(part)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make a file's content, or a rename in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def full_disk_told(path: Path) -> Iterator[None]:
    """Raise `DiskFullError` naming `path` where writing it inside fails for want of room."""
    try:
        yield
    except Exception as error:
        number = _number(error)
        if number is None or number not in FULL:
            raise
        reason = os.strerror(number).lower()
        raise DiskFullError(f"{path}: the disk is full ({reason}); free some room, then run it again") from error


def _number(error: Exception) -> int | None:
    """The system's number of an error; libraries in Rust (safetensors) have it in their words only."""
    if isinstance(error, OSError):
        return error.errno
    match = re.search(r"\(os error (\d+)\)", str(error))
    return int(match[1]) if match else None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
