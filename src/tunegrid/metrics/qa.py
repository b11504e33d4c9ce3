"""Metrics for short answers to questions."""

from collections.abc import Sequence
from dataclasses import dataclass

from tunegrid.config import schema
from tunegrid.metrics import Metrics, Score, Unavailable, check_pairs, squad


@schema("metrics", "qa")
@dataclass(kw_only=True, slots=True)
class Qa(Metrics):
    """squad_exact and squad_f1 (0 … 1); SQuAD's own script prints them times 100."""

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score `answers[i]` against every one of `references[i]`."""
        check_pairs(answers, references)
        return [
            Score("squad_exact", squad.statistics(answers, references, squad.is_same)),
            Score("squad_f1", squad.statistics(answers, references, squad.token_f1)),
        ]
