"""Exact match of what an answer concludes, for answers that give their reasoning first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tunegrid.config import schema
from tunegrid.metrics import Metrics, Score, Unavailable, check_pairs, exact_match

_OPTION = re.compile(r"\([A-Z]\)")


@schema("metrics", "conclusion")
@dataclass(kw_only=True, slots=True)
class Conclusion(Metrics):
    """exact_match (0 … 1) of what follows «the answer is», as BIG-bench Hard is scored with reasoning."""

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score the conclusion of `answers[i]` against every one of `references[i]`."""
        check_pairs(answers, references)
        return [Score("exact_match", exact_match.statistics([conclusion(answer) for answer in answers], references))]


def conclusion(answer: str) -> str:
    """What follows the last `answer is` of an answer's first paragraph, as the authors' evaluation reads it.

    Of several paragraphs the later ones are an untrained model's next questions. An option `(A)` stands for itself
    whatever is around it; otherwise a full stop at the end is left out. Without the words, the whole paragraph.
    """
    paragraph = answer.strip().partition("\n\n")[0]
    said = paragraph.rpartition("answer is ")[2].strip()
    option = _OPTION.search(said)
    return option[0] if option else said.removesuffix(".")
