"""`reward=lexicon`: the mean worth of a response's words, from a list of your own."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from tunegrid.config import schema
from tunegrid.data.content_hash import hash_parts
from tunegrid.data.own_file import own_file
from tunegrid.errors import DataError
from tunegrid.model.cache import file_sha256
from tunegrid.reward import Judge, Reward

if TYPE_CHECKING:
    from torch import device
    from transformers import PreTrainedTokenizerBase

_WORD = re.compile(r"[\w'-]+")


@schema("reward", "lexicon")
@dataclass(kw_only=True, slots=True)
class Lexicon(Reward):
    """Sentiment, formality or whatever else can be said of single words."""

    path: str
    """A UTF-8 file of lines `word<TAB>worth`, as VADER's and AFINN's are; what follows the number is not read."""

    def fingerprint(self) -> str | None:
        return hash_parts(("lexicon", file_sha256(own_file(self.path, "reward.path"))))

    def judge(self, tokenizer: "PreTrainedTokenizerBase", device: "device") -> Judge:
        from tunegrid.reward.text_judge import TextJudge

        worths = read_worths(own_file(self.path, "reward.path"))

        def scores(prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
            return [worth(response, worths) for response in responses]

        return TextJudge(tokenizer, scores)


def worth(text: str, worths: Mapping[str, float]) -> float:
    """The sum of the worths of a text's words over the root of their number, 0 for a text without words.

    The root, as in VADER (Hutto and Gilbert 2014): neither one word nor many of them is the way to the best score.
    """
    words = _WORD.findall(text.lower())
    return sum(worths.get(word, 0.0) for word in words) / len(words) ** 0.5 if words else 0.0


def read_worths(path: Path) -> dict[str, float]:
    """The words of a lexicon, in lower case. Raises `DataError` naming the line that is not as described."""
    worths: dict[str, float] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            word, value = line.decode("utf-8-sig").split("\t")[:2]
            worths[word.lower()] = float(value)
        except (UnicodeDecodeError, ValueError):
            raise DataError(f"{path}:{number}: not `word<TAB>worth` in UTF-8; correct or remove the line") from None
        if not isfinite(worths[word.lower()]):
            raise DataError(f"{path}:{number}: its worth is not a number; correct or remove the line")
    if not worths:
        raise DataError(f"{path}: empty; give it at least one word")
    return worths
