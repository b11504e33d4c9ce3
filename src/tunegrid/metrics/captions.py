"""Metrics of the COCO caption scorer, on its own tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

from tunegrid.config import schema
from tunegrid.metrics import Metrics, Score, Unavailable, check_pairs, cider, meteor, ptb, rouge_l


@schema("metrics", "captions")
@dataclass(kw_only=True, slots=True)
class Captions(Metrics):
    """METEOR and ROUGE_L (0 … 1), CIDEr (0 … 10, the variant CIDEr-D) and CIDEr_plain (0 … 10)."""

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score `answers[i]` against every one of `references[i]`."""
        check_pairs(answers, references)
        captions = [ptb.tokenize(answer) for answer in answers]
        several = [[ptb.tokenize(reference) for reference in own] for own in references]
        return [
            meteor.score(captions, several),
            Score("ROUGE_L", rouge_l.statistics(captions, several)),
            Score("CIDEr", cider.statistics(captions, several, penalised=True)),
            Score("CIDEr_plain", cider.statistics(captions, several, penalised=False)),
        ]
