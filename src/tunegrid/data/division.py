"""Taking the parts that a data set lacks from its training part."""

from collections.abc import Callable, Mapping, Sequence

from tunegrid.data import Example
from tunegrid.data.draw import order
from tunegrid.errors import DataError


def record_of(example: Example) -> str:
    """The `file:line` of an example's record."""
    return ":".join(example.key.split(":")[:2])


def divided(
    examples: Sequence[Example],
    shares: Mapping[str, float],
    seed: int,
    source: object,
    whole: Callable[[Example], str] = record_of,
) -> dict[str, tuple[Example, ...]]:
    """Divide examples at random into training and the parts of `shares`, which are fractions of all records.

    Examples of which `whole` is the same, as the turns of a conversation, stay together; each part has at least one
    such group and keeps the order of the source. Raises `DataError` naming `source` where there are too few.
    """
    wholes = list(dict.fromkeys(whole(example) for example in examples))
    if len(wholes) <= len(shares):
        needed = f"give it at least {len(shares) + 1}, or add files for {' and '.join(shares)}"
        raise DataError(f"{source}: too few distinct prompts to divide, {len(wholes)}; {needed}")
    shuffled = [wholes[i] for i in order(len(wholes), f"parts:{seed}")]
    chosen: dict[str, str] = {}
    for position, (part, share) in enumerate(shares.items()):
        others = len(shares) - position  # each later part and training need a record
        count = min(max(1, round(share * len(wholes))), len(shuffled) - others)
        chosen |= dict.fromkeys(shuffled[:count], part)
        shuffled = shuffled[count:]
    parts = ("train", *shares)
    return {part: tuple(e for e in examples if chosen.get(whole(e), "train") == part) for part in parts}
