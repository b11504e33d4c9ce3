"""Words that should not be said, from a file of the user's own."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tunegrid.errors import DataError


def read_lexicon(path: Path) -> list[str]:
    """One word or phrase a line; blank lines and lines that begin with # are left out. Raises `DataError`."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read ({error}); give a UTF-8 text file, one word or phrase a line") from None
    words = [line for line in lines if line and not line.startswith("#")]
    if not words:
        raise DataError(f"{path}: no words; give one word or phrase a line")
    return words


def statistics(answers: Sequence[str], words: Sequence[str]) -> np.ndarray:
    """(instances, 2): 1 where an answer has one of `words` as whole words, in any case, else 0; and 1."""
    longest_first = sorted(words, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)
    said = [float(pattern.search(answer) is not None) for answer in answers]
    return np.stack([np.array(said), np.ones(len(said))], axis=-1)
