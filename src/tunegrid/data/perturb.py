"""Small changes to a text that leave its meaning: what a robust model's answers should not depend on.

The kinds follow the perturbations of HELM (Liang et al. 2023): case, misspellings, spaces, contractions.
"""

import re
from collections.abc import Callable
from enum import Enum

from tunegrid.data.draw import Draw

_WORD = re.compile(r"\b[^\W\d_]{4,}\b")
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BESIDE = {
    letter: row[max(place - 1, 0) : place] + row[place + 1 : place + 2]
    for row in _KEYS
    for place, letter in enumerate(row)
}
_CONTRACTIONS = {
    "do not": "don't",
    "does not": "doesn't",
    "did not": "didn't",
    "is not": "isn't",
    "are not": "aren't",
    "was not": "wasn't",
    "were not": "weren't",
    "has not": "hasn't",
    "have not": "haven't",
    "will not": "won't",
    "would not": "wouldn't",
    "cannot": "can't",
    "it is": "it's",
    "that is": "that's",
    "what is": "what's",
    "there is": "there's",
    "they are": "they're",
    "we are": "we're",
    "you are": "you're",
    "i am": "i'm",
    "i have": "i've",
    "i will": "i'll",
}
_PARAPHRASES = {
    "a lot of": "many",
    "in order to": "to",
    "because": "since",
    "how many": "what number of",
    "begin": "start",
    "big": "large",
    "buy": "purchase",
    "close to": "near",
    "explain": "make clear",
    "for example": "for instance",
    "give": "provide",
    "quickly": "fast",
    "whole": "entire",
}


class Perturbation(Enum):
    """What is done to a text."""

    lower = "lower"
    """Lower case."""
    upper = "upper"
    """Upper case."""
    typo = "typo"
    """In some words of four letters or more: two letters swapped, one left out, doubled, or hit beside."""
    spaces = "spaces"
    """One to three spaces where one was."""
    contract = "contract"
    """`do not` as `don't`, and others of that kind."""
    expand = "expand"
    """`don't` as `do not`, and others of that kind."""
    paraphrase = "paraphrase"
    """Some common words and phrases by others of the same meaning."""


def perturb(text: str, kind: Perturbation, *, seed: int, percent: int) -> str:
    """Return the changed text: the same on every machine for the same arguments.

    `percent` of words are misspelt, or of spaces and phrases changed; case and contractions change throughout.
    """
    draw = Draw(f"perturb {kind.value} {seed} {text}")
    changes: dict[Perturbation, Callable[[], str]] = {
        Perturbation.lower: text.lower,
        Perturbation.upper: text.upper,
        Perturbation.typo: lambda: _WORD.sub(lambda word: _sometimes(draw, percent, word[0], _misspelt), text),
        Perturbation.spaces: lambda: re.sub(" ", lambda gap: _sometimes(draw, percent, gap[0], _widened), text),
        Perturbation.contract: lambda: _replaced(text, _CONTRACTIONS, draw, 100),
        Perturbation.expand: lambda: _replaced(text, {short: long for long, short in _CONTRACTIONS.items()}, draw, 100),
        Perturbation.paraphrase: lambda: _replaced(text, _PARAPHRASES, draw, percent),
    }
    return changes[kind]()


def _sometimes(draw: Draw, percent: int, text: str, change: Callable[[Draw, str], str]) -> str:
    return change(draw, text) if draw.chance(percent) else text


def _misspelt(draw: Draw, word: str) -> str:
    """One slip inside the word; its first letter stays."""
    place = 1 + draw.below(len(word) - 2)
    before, letter, other, after = word[:place], word[place], word[place + 1], word[place + 2 :]
    beside = draw.pick(_BESIDE.get(letter.lower(), letter))
    slips = (other + letter, other, letter + letter + other, beside + other)
    return before + draw.pick(slips) + after


def _widened(draw: Draw, gap: str) -> str:
    return gap * (1 + draw.below(3))


def _replaced(text: str, pairs: dict[str, str], draw: Draw, percent: int) -> str:
    """Replace whole words of `pairs`, the longer phrase first; a capital letter at the beginning stays."""
    phrases = "|".join(sorted(map(re.escape, pairs), key=len, reverse=True))

    def change(found: re.Match[str]) -> str:
        if not draw.chance(percent):
            return found[0]
        new = pairs[found[0].lower()]
        return new[0].upper() + new[1:] if found[0][0].isupper() else new

    return re.sub(rf"\b(?:{phrases})\b", change, text, flags=re.IGNORECASE)
