"""`reward=rule`: a pattern that a response should have, and a length that it should not exceed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.data.content_hash import hash_parts
from tunegrid.errors import ConfigError
from tunegrid.reward import Judge, Reward

if TYPE_CHECKING:
    from torch import device
    from transformers import PreTrainedTokenizerBase


@schema("reward", "rule")
@dataclass(kw_only=True, slots=True)
class Rule(Reward):
    """Counts matches, and words that are too many."""

    pattern: str
    """A regular expression, matched wherever it is in the response."""
    most_matches: int
    """Further matches add nothing, so that a policy gains nothing by repeating itself."""
    most_words: int | None
    """null: a response may be of any length."""
    word_penalty: float
    """Of each word more than that."""

    def __post_init__(self) -> None:
        require(self.most_matches >= 1, "reward.most_matches", "be at least 1", self.most_matches)
        words = self.most_words
        require(words is None or words >= 0, "reward.most_words", "be at least 0 or null", words)
        require(self.word_penalty >= 0, "reward.word_penalty", "be at least 0", self.word_penalty)
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ConfigError(f"reward.pattern must be a regular expression: {error}, got {self.pattern}") from None

    def fingerprint(self) -> str | None:
        return hash_parts(("rule",))

    def score(self, response: str) -> float:
        """Matches less penalties."""
        matches = min(sum(1 for _ in re.finditer(self.pattern, response)), self.most_matches)
        beyond = 0 if self.most_words is None else max(0, len(response.split()) - self.most_words)
        return matches - self.word_penalty * beyond

    def judge(self, tokenizer: "PreTrainedTokenizerBase", device: "device") -> Judge:
        from tunegrid.reward.text_judge import TextJudge

        return TextJudge(tokenizer, self._scores)

    def _scores(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        return [self.score(response) for response in responses]
