"""The meaning representations of the E2E NLG challenge, as published and as the LoRA paper's code writes them."""

import re
from enum import Enum

_SLOT = re.compile(r"\s*([^\[\],]+)\[([^\]]*)\]\s*(?:,|$)")
_LORA_NAMES = {"eatType": "Type", "priceRange": "price", "familyFriendly": "family friendly"}


class MeaningFormat(Enum):
    """How a meaning representation is shown to the model."""

    official = "official"
    """`name[Aromi], eatType[coffee shop]`, as in the challenge's files."""
    lora = "lora"
    """`name : Aromi | Type : coffee shop`, as in the files of Hu et al. 2021."""


def slots(meaning: str) -> list[tuple[str, str]]:
    """The (attribute, value) pairs of a meaning representation. Raises `ValueError` where it is not made of them."""
    found, end = [], 0
    while end < len(meaning):
        match = _SLOT.match(meaning, end)
        if match is None:
            raise ValueError(f"{meaning[end:]!r} is not `attribute[value]`")
        found.append((match[1].strip(), match[2].strip()))
        end = match.end()
    if not found:
        raise ValueError("no `attribute[value]` in it")
    return found


def lora_form(pairs: list[tuple[str, str]]) -> str:
    """The LoRA paper's form: renamed attributes, and pounds and ranges set apart by spaces, as its tokeniser did."""
    return " | ".join(f"{_LORA_NAMES.get(name, name)} : {_spaced(value)}" for name, value in pairs)


def _spaced(value: str) -> str:
    """`£20-25` as `£ 20 - 25`."""
    return re.sub(r"(?<=\d)-(?=\d)", " - ", value.replace("£", "£ "))
