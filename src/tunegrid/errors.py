"""The two kinds of failure a user can meet: their own mistake, and a cell that did not finish."""

from collections.abc import Iterable
from difflib import get_close_matches

from hydra.errors import CompactHydraException


class UserError(CompactHydraException, ValueError):
    """A mistake in what the user gave us. Printed as one line on stderr; the process exits with 2."""


class ConfigError(UserError):
    """A config value that breaks a rule: names the key, the rule, the value and the way out."""


class DataError(UserError):
    """A data file that breaks a rule: names `file:line: key`, the problem and the way out."""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that `name` is not a known `kind`, list those that are, and point at the nearest."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]}" if near else ""
    return f"unknown {kind} {name!r}{hint}; known: {', '.join(names)}"
