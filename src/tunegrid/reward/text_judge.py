"""Judging responses as text. Imports no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.reward import Judge

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class TextJudge(Judge):
    """Has texts scored, without special tokens and without space around them."""

    tokenizer: "PreTrainedTokenizerBase"
    of_texts: Callable[[Sequence[str], Sequence[str]], Sequence[float]]
    """Prompts and responses to a score for each response."""

    def scores(self, prompts: "Sequence[Tensor]", responses: "Sequence[Tensor]") -> list[float]:
        return [float(score) for score in self.of_texts(self._texts(prompts), self._texts(responses))]

    def _texts(self, rows: "Sequence[Tensor]") -> list[str]:
        texts = self.tokenizer.batch_decode([row.tolist() for row in rows], skip_special_tokens=True)
        return [text.strip() for text in texts]
