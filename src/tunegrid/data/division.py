"""Taking the parts that a data set lacks from its training part."""

from collections.abc import Mapping, Sequence

from tunegrid.data import Example
from tunegrid.data.draw import order
from tunegrid.errors import DataError


def divided(
    examples: Sequence[Example], shares: Mapping[str, float], seed: int, source: object
) -> dict[str, tuple[Example, ...]]:
    """Divide examples at random into training and the parts of `shares`, which are fractions of all records.

    A conversation stays whole; each part has at least one record and keeps the order of the source. Raises `DataError`
    naming `source` where there are too few.
    """
    lines = list(dict.fromkeys(_line(example) for example in examples))
    if len(lines) <= len(shares):
        needed = f"give it at least {len(shares) + 1}, or add files for {' and '.join(shares)}"
        raise DataError(f"{source}: too few distinct prompts to divide, {len(lines)}; {needed}")
    shuffled = [lines[i] for i in order(len(lines), f"parts:{seed}")]
    chosen: dict[str, str] = {}
    for position, (part, share) in enumerate(shares.items()):
        others = len(shares) - position  # each later part and training need a record
        count = min(max(1, round(share * len(lines))), len(shuffled) - others)
        chosen |= dict.fromkeys(shuffled[:count], part)
        shuffled = shuffled[count:]
    parts = ("train", *shares)
    return {part: tuple(e for e in examples if chosen.get(_line(e), "train") == part) for part in parts}


def _line(example: Example) -> str:
    """The `file:line` of an example's record."""
    return ":".join(example.key.split(":")[:2])
