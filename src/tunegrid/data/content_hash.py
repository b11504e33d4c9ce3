"""A hash of everything a data set depends on, so that results and caches know their data."""

from collections.abc import Iterable
from hashlib import sha256


def hash_parts(parts: Iterable[object]) -> str:
    """Hash several values by their `repr`, SHA-256: strings, numbers, booleans, None and tuples of them."""
    return sha256(repr(tuple(parts)).encode()).hexdigest()
