"""Metrics for summaries, as the tables of FLAN-T5 and of dialogue summarisation report them."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from tunegrid.config import schema
from tunegrid.errors import ConfigError
from tunegrid.metrics import Metrics, Score, Unavailable, check_pairs, rouge


@schema("metrics", "summarisation")
@dataclass(kw_only=True, slots=True)
class Summarisation(Metrics):
    """rouge1, rouge2, rougeL and rougeLsum (F1 in 0 … 1)."""

    stemmed: bool
    """Whether words are cut to their stems, as most papers do; needs NLTK."""

    def __post_init__(self) -> None:
        if self.stemmed and find_spec("nltk") is None:
            way_out = "pip install 'tunegrid[rouge]', or metrics.stemmed=false"
            raise ConfigError(f"metrics.stemmed=true needs the package nltk; {way_out}")

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score `answers[i]` against every one of `references[i]`."""
        check_pairs(answers, references)
        split = rouge.tokenize_stemmed if self.stemmed else rouge.tokenize
        overlaps = rouge.statistics(answers, references, ("rouge1", "rouge2", "rougeL", "rougeLsum"), split)
        return [Score(name, statistics) for name, statistics in overlaps.items()]
