"""From answers and references to numbers. Every metric keeps per-instance statistics, so tables can resample."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tunegrid.errors import DataError

if TYPE_CHECKING:
    from tunegrid.data import Example


@dataclass(frozen=True, slots=True)
class Score:
    """One metric on one set of answers, as statistics of each instance, which add up (but for rank correlation's).

    The corpus value is `measure(name).values(weights, statistics)` with all weights 1; a bootstrap sample has others.
    """

    name: str
    """The metric's name in tables, a key of `tunegrid.metrics.combine.MEASURES`, for example `BLEU`."""
    statistics: np.ndarray
    """(instances, k) float64; row i belongs to instance i."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A metric that could not be computed, and how to get it."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """What a model makes of the choices of one question."""

    log_likelihoods: np.ndarray
    """(choices,) float64, in nats."""
    lengths: np.ndarray
    """(choices,) characters."""
    gold: Sequence[int]
    """Which of them are right."""
    group: str | None = None
    """What the question is about, where the data say."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """Metrics and the instances that they score."""

    metrics: "Metrics"
    places: Sequence[int]


@dataclass(kw_only=True, slots=True)
class Metrics(ABC):
    """A set of metrics that are reported together."""

    @abstractmethod
    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score `answers[i]` against every one of `references[i]`. Raises `DataError` where they don't pair up."""

    def score_choices(self, ranked: Sequence[Ranked]) -> list[Score | Unavailable]:
        """Score questions whose answer was chosen by likelihood; most metrics are of the chosen text alone."""
        return []

    def score_groups(
        self, answers: Sequence[str], references: Sequence[Sequence[str]], groups: Sequence[str | None]
    ) -> list[Score | Unavailable]:
        """Score instances by the group that each is of, None being of none; most metrics know no groups."""
        return []

    def compares(self) -> bool:
        """Whether answers are compared with references."""
        return True

    def check(self, questions: "Sequence[Example]") -> None:
        """Raise `DataError` for test questions that cannot be scored."""
        for own in self.assigned([question.task for question in questions]):
            alone = [questions[i] for i in own.places if own.metrics.compares() and not questions[i].references]
            if alone:
                way = "take metrics=diversity or toxicity, or by metrics=several for its task"
                raise DataError(f"{alone[0].key}: nobody has answered it, and the metrics compare with answers; {way}")

    def fingerprint(self) -> str | None:
        """A hash of the files that scores depend on; None: on none. Raises `DataError`."""
        return None

    def assigned(self, tasks: Sequence[str | None]) -> list[Assigned]:
        """What scores which instances, `tasks[i]` being instance i's; most metrics score all themselves."""
        return [Assigned(self, range(len(tasks)))]


def check_counts(answers: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Raise `DataError` unless there is an answer, and as many lists of references as answers."""
    if not answers:
        raise DataError("there are no answers to score")
    if len(answers) != len(references):
        raise DataError(f"{len(answers)} answers but references for {len(references)} instances")


def check_pairs(answers: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Raise `DataError` unless there is an answer, as many reference lists, and a reference in each."""
    check_counts(answers, references)
    for index, several in enumerate(references):
        if not several:
            raise DataError(f"instance {index + 1} has no reference")
