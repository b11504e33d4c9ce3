"""No metrics on answers: the cell keeps its validation loss only."""

from collections.abc import Sequence
from dataclasses import dataclass

from tunegrid.config import schema
from tunegrid.metrics import Metrics, Score, Unavailable


@schema("metrics", "none")
@dataclass(kw_only=True, slots=True)
class NoMetrics(Metrics):
    """Scores nothing."""

    def compares(self) -> bool:
        return False

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Nothing."""
        return []
