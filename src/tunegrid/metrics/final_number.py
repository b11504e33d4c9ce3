"""The number that the solution of a word problem ends with."""

import re
from decimal import Decimal, InvalidOperation

_MARKED = re.compile(r"#### (-?[0-9.,]+)")  # the pattern of GSM8K's own dataset.py (Cobbe et al. 2021)
_NUMBER = re.compile(r"-?\$?(?:\d[\d,]*(?:\.\d+)?|\.\d+)")


def marked_number(text: str) -> Decimal | None:
    """The number after `#### `, as GSM8K writes it; None where there is none."""
    found = _MARKED.search(text)
    return _value(found[1]) if found else None


def last_number(text: str) -> Decimal | None:
    """The last number anywhere in a text, a dollar sign and thousands separators apart; None where there is none."""
    found = _NUMBER.findall(text)
    return _value(found[-1]) if found else None


def first_number(text: str) -> Decimal | None:
    """The first number in a text, read likewise: for answers to a question that asks for the number alone."""
    found = _NUMBER.search(text)
    return _value(found[0]) if found else None


def _value(digits: str) -> Decimal | None:
    try:
        return Decimal(digits.replace(",", "").replace("$", "").removesuffix("."))
    except InvalidOperation:
        return None
