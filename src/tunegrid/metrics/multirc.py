"""MultiRC: questions with several right answers, each of which is judged by itself (Khashabi et al. 2018)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunegrid.config import schema
from tunegrid.metrics import Metrics, Score, Unavailable, check_pairs


@schema("metrics", "multirc")
@dataclass(kw_only=True, slots=True)
class MultiRc(Metrics):
    """f1a, F1 over all judged answers, and question_exact, questions of which each answer is judged right (0 … 1)."""

    positive: str
    """The judgement that an answer is right."""

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """f1a: `answers[i]` and `references[i][0]` are judgements."""
        check_pairs(answers, references)
        said = np.array([answer.strip() == self.positive for answer in answers])
        true = np.array([several[0].strip() == self.positive for several in references])
        return [Score("f1a", np.stack([said & true, said, true, np.ones_like(said)], axis=-1) * 1.0)]

    def score_groups(
        self, answers: Sequence[str], references: Sequence[Sequence[str]], groups: Sequence[str | None]
    ) -> list[Score | Unavailable]:
        """question_exact: `groups[i]` is the question that judgement i is of."""
        if None in groups:
            return [Unavailable("question_exact", "needs a column `group`, the question that an answer is judged for")]
        right = [answer.strip() == several[0].strip() for answer, several in zip(answers, references, strict=True)]
        return [Score("question_exact", whole_groups(right, groups))]


def f1(sums: np.ndarray) -> np.ndarray:
    """F1 in 0 … 1 from sums of hits, answers, truths and 1: (..., 4) to (...); nan where nothing is positive."""
    hits, said, true, _ = np.moveaxis(sums, -1, 0)
    return np.divide(2 * hits, said + true, out=np.full_like(hits, np.nan), where=said + true > 0)


def whole_groups(right: Sequence[bool], groups: Sequence[str | None]) -> np.ndarray:
    """(instances, 2): at each group's first instance, whether all of the group are right, and 1; zeros elsewhere.

    A bootstrap over instances thereby draws groups.
    """
    first: dict[str | None, int] = {}
    rows = np.zeros((len(right), 2))
    for place, (one, group) in enumerate(zip(right, groups, strict=True)):
        start = first.setdefault(group, place)
        rows[start] = (one and (start == place or rows[start, 0] == 1), 1)
    return rows
