"""Multiple choice by likelihood: the answer is the choice that the model finds likeliest (arXiv 2005.14165, 2.4)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tunegrid.config import schema
from tunegrid.errors import DataError
from tunegrid.sampler import Answer, Report, Sampler

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from tunegrid.data import Example
    from tunegrid.data.tokenized import PreparedData
    from tunegrid.hardware import Hardware
    from tunegrid.pack.pack import Pack


class Ranking(Enum):
    """What the likeliest choice is the highest in."""

    likelihood = "likelihood"
    """The log-likelihood of its tokens behind the prompt; `acc` of lm-evaluation-harness."""
    per_character = "per_character"
    """The same over its length in characters, so that long choices stand a chance; `acc_norm` there."""


@schema("sampler", "choices")
@dataclass(kw_only=True, slots=True)
class Choices(Sampler):
    """Ranks the choices of every test question. Nothing is decoded."""

    ranking: Ranking
    """By what: likelihood or per_character."""

    def check(self, questions: "Sequence[Example]") -> None:
        """Raise `DataError` naming the first question without choices."""
        for example in questions:
            if not example.choices:
                way = "name its columns in data.shape, or take sampler=greedy"
                raise DataError(f"{example.key}: sampler=choices needs choices, and this question has none; {way}")

    def answers(
        self,
        pack: "Pack",
        data: "PreparedData",
        tokenizer: "PreTrainedTokenizerBase",
        hardware: "Hardware",
        report: Report,
        silent: Collection[int] = (),
    ) -> list[list[Answer]]:
        from tunegrid.sampler.rank import rank

        return rank(self.ranking, pack, data.questions, hardware.tokens_per_pass, report, silent)

    def rows_per_prompt(self) -> int:
        return 1
