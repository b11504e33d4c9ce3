"""`metrics=several`: sets of metrics side by side, each for the tasks of a mixture that it fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.data.content_hash import hash_parts
from tunegrid.errors import DataError, unknown
from tunegrid.metrics import Assigned, Metrics, Score, Unavailable

if TYPE_CHECKING:
    from tunegrid.data import Example


@schema("metrics", "several")
@dataclass(kw_only=True, slots=True)
class Several(Metrics):
    """What its sets report. Two of them may score one task, but not by metrics of one name."""

    parts: dict[str, Metrics]
    """Sets by name: `+metrics@metrics.parts.numbers=regression` adds one."""
    tasks: dict[str, list[str]]
    """Of a set, the tasks that it scores; a set that is not listed scores those that none lists."""

    def __post_init__(self) -> None:
        require(len(self.parts) > 0, "metrics.parts", "have a set, as by +metrics@metrics.parts.NAME=OPTION", "none")
        strange = [name for name in self.tasks if name not in self.parts]
        require(not strange, "metrics.tasks", f"name parts ({', '.join(self.parts)})", ", ".join(strange))

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score answers that are of no task."""
        sets = [own.metrics for own in self.assigned([None] * len(answers))]
        return [score for own in sets for score in own.score(answers, references)]

    def check(self, questions: "Sequence[Example]") -> None:
        """Raise `DataError` for test questions that cannot be scored, and for tasks that there are none of."""
        known = {question.task for question in questions}
        for task in (task for several in self.tasks.values() for task in several if task not in known):
            raise DataError(f"metrics.tasks: {unknown('task', task, sorted(filter(None, known)))}")
        Metrics.check(self, questions)

    def fingerprint(self) -> str | None:
        """A hash of those of its sets."""
        found = {name: own.fingerprint() for name, own in self.parts.items()}
        return hash_parts(found.items()) if any(found.values()) else None

    def assigned(self, tasks: Sequence[str | None]) -> list[Assigned]:
        """Each set with the instances of its tasks, where there are any."""
        listed = {task for several in self.tasks.values() for task in several}
        found = []
        for name, own in self.parts.items():
            wanted = self.tasks.get(name)
            places = [i for i, task in enumerate(tasks) if (task not in listed if wanted is None else task in wanted)]
            found += [Assigned(own, places)] if places else []
        return found
