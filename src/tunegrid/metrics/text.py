"""Metrics for ordinary instruction data: sacrebleu's BLEU, ROUGE F1 and exact match."""

from collections.abc import Sequence
from dataclasses import dataclass

from tunegrid.config import schema
from tunegrid.metrics import Metrics, Score, Unavailable, check_pairs, exact_match, rouge, sacre_bleu


@schema("metrics", "text")
@dataclass(kw_only=True, slots=True)
class Text(Metrics):
    """SacreBLEU (0 … 100), rouge1, rouge2, rougeL and exact_match (0 … 1)."""

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score `answers[i]` against every one of `references[i]`."""
        check_pairs(answers, references)
        overlaps = rouge.statistics(answers, references, ("rouge1", "rouge2", "rougeL"))
        return [
            Score("SacreBLEU", sacre_bleu.statistics(answers, references)),
            *(Score(name, statistics) for name, statistics in overlaps.items()),
            Score("exact_match", exact_match.statistics(answers, references)),
        ]
