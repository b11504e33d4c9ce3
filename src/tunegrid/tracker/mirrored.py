"""What has been mirrored of a folder, in `tracker/mirrored.json`, so that nothing is sent twice."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tunegrid.atomic import write_atomically
from tunegrid.tracker import RunInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Mirrored:
    """The shape of mirrored.json."""

    run: str
    """The run's id at every destination. A cell that runs anew gets another; one that goes on keeps it."""
    sent: Mapping[str, str]
    """By destination, the digest of the files that are there whole."""


def run_id(info: RunInfo) -> str:
    """The id of the folder's run, made up and written down when it is first asked for."""
    known = _read(info.folder)
    if known is None:
        known = Mirrored(run=f"{info.id}-{secrets.token_hex(4)}", sent={})
        _write(info.folder, known)
    return known.run


def has_reached(folder: Path, destination: str | None) -> bool:
    """Whether the folder's files got there, as they are now or as they were once."""
    known = _read(folder)
    return known is not None and destination in known.sent


def is_mirrored(folder: Path, destination: str) -> bool:
    """Whether the folder's files are there as they are now."""
    known = _read(folder)
    return known is not None and known.sent.get(destination) == digest(folder)


def record_mirrored(folder: Path, destination: str, digest: str) -> None:
    """Write down that the files with this digest are there."""
    known = _read(folder)
    assert known is not None
    _write(folder, Mirrored(run=known.run, sent={**known.sent, destination: digest}))


def files_of(folder: Path) -> list[Path]:
    """What is shown of a folder when it has ended: a cell's result, or a sweep's tables."""
    return sorted([*folder.glob("result.json"), *folder.glob("table.*")])


def sources_of(folder: Path) -> list[Path]:
    """Every file that is mirrored of a folder, as far as it is there."""
    return [*folder.glob("metrics.jsonl"), *files_of(folder)]


def digest(folder: Path) -> str:
    """SHA-256 over what is mirrored of a folder."""
    content = hashlib.sha256()
    for path in sources_of(folder):
        content.update(f"{path.name} {path.stat().st_size}\n".encode())
        content.update(path.read_bytes())
    return content.hexdigest()


def _path(folder: Path) -> Path:
    return folder / "tracker" / "mirrored.json"


def _read(folder: Path) -> Mirrored | None:
    """None also where the file is damaged: everything is then sent anew, as another run."""
    try:
        return Mirrored(**json.loads(_path(folder).read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _write(folder: Path, mirrored: Mirrored) -> None:
    write_atomically(_path(folder), json.dumps(asdict(mirrored), indent=2) + "\n")
