"""A file that the user names."""

from pathlib import Path

from tunegrid.errors import DataError


def own_file(path: str, key: str) -> Path:
    """The file that config key `key` names, `~` being the user's home. Raises `DataError` where there is none."""
    file = Path(path).expanduser()
    if not file.is_file():
        raise DataError(f"{file}: no such file; check {key}")
    return file
