"""The two kinds of failure a user can meet: their own mistake, and a cell that did not finish."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from hydra.errors import CompactHydraException


class UserError(CompactHydraException, ValueError):
    """A mistake in what the user gave us. Printed as one line on stderr; the process exits with 2."""


class ConfigError(UserError):
    """A config value that breaks a rule: names the key, the rule, the value and the way out."""


class DataError(UserError):
    """A data file that breaks a rule: names `file:line: key`, the problem and the way out."""


class DamagedError(DataError):
    """A file of a cell that is not what was written: a flipped bit, a part that is missing, another hand."""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that `name` is not a known `kind`, list those that are, and point at the nearest."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]}" if near else ""
    return f"unknown {kind} {name!r}{hint}; known: {', '.join(names)}"


def damaged(path: Path, reason: object) -> DamagedError:
    """Say what is wrong with a cell's file, and that nobody has to do anything about it."""
    return DamagedError(f"{path}: not as it was written ({reason}); the sweep runs the cell again")
