"""Taking the parts that a data set lacks from its training part, and whether the shares of it can be taken."""

from collections.abc import Callable, Mapping, Sequence

from tunegrid.config import require
from tunegrid.data import Example
from tunegrid.data.draw import order
from tunegrid.errors import DataError


def check_shares(validation: float, test: float, what: str) -> None:
    """Raise `ConfigError` unless both fractions are above 0 and leave some of `what` for training."""
    for name, share in (("validation_fraction", validation), ("test_fraction", test)):
        require(0 < share < 1, f"data.{name}", "be between 0 and 1", share)
    total = validation + test
    require(total < 1, "data.validation_fraction + data.test_fraction", f"leave {what} for training", total)


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
