"""Exact match of an answer's first line, for models that write on after it, as untrained ones do."""

from collections.abc import Sequence
from dataclasses import dataclass

from tunegrid.config import schema
from tunegrid.metrics import Metrics, Score, Unavailable, check_pairs, exact_match


@schema("metrics", "first_line")
@dataclass(kw_only=True, slots=True)
class FirstLine(Metrics):
    """exact_match (0 … 1), as BIG-bench Hard is scored where no reasoning is asked for."""

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score the first line of `answers[i]` against every one of `references[i]`."""
        check_pairs(answers, references)
        lines = [answer.strip().partition("\n")[0] for answer in answers]
        return [Score("exact_match", exact_match.statistics(lines, references))]
