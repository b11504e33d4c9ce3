"""How much answers differ from each other; what samplers are compared by."""

from collections.abc import Sequence
from dataclasses import dataclass

from tunegrid.config import schema
from tunegrid.metrics import Metrics, Score, Unavailable, check_counts, distinct, self_bleu
from tunegrid.metrics.tokenize_13a import tokenize


@schema("metrics", "diversity")
@dataclass(kw_only=True, slots=True)
class Diversity(Metrics):
    """distinct1, distinct2 and distinct3 (0 … 1, high: varied) and self_bleu (0 … 1, high: all alike)."""

    def compares(self) -> bool:
        return False

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score `answers` against each other; `references` only have to pair up."""
        check_counts(answers, references)
        tokens = [tokenize(answer) for answer in answers]
        return [
            *(Score(f"distinct{n}", distinct.statistics(tokens, n)) for n in (1, 2, 3)),
            Score("self_bleu", self_bleu.statistics(tokens))
            if len(answers) > 1
            else Unavailable("self_bleu", "compares answers with each other; give at least two"),
        ]
