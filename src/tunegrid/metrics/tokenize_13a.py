"""The tokens of NIST's mteval-v13a, on which BLEU and NIST are defined: western languages, case folded."""

import re
from functools import lru_cache

_ENTITIES = {"&quot;": '"', "&amp;": "&", "&lt;": "<", "&gt;": ">"}
_RULES = (
    (re.compile(r"([{-~\[-` -&(-+:-@/])"), r" \1 "),  # every ASCII sign but ' , - . stands alone
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),  # period and comma unless a digit precedes
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),  # period and comma unless a digit follows
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),  # a dash after a digit
)
_ASCII_LOWER = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


@lru_cache(maxsize=1 << 16)
def tokenize(text: str) -> tuple[str, ...]:
    """Tokens as mteval-v13a.pl splits them; only A-Z are lower-cased, as in the Perl script."""
    return _split(text.translate(_ASCII_LOWER))


@lru_cache(maxsize=1 << 16)
def tokenize_unicode_lower(text: str) -> tuple[str, ...]:
    """Tokens as the Python rewrite in the E2E scorer (`-p`) makes them: every letter is lower-cased.

    An empty line is one empty token there, which counts towards the length.
    """
    return _split(text.lower()) or ("",)


def _split(text: str) -> tuple[str, ...]:
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, sign in _ENTITIES.items():
        text = text.replace(entity, sign)
    text = f" {text} "
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return tuple(text.split())
