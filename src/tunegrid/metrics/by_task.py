"""The scores of each task of a mixture, from the statistics of all of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tunegrid.metrics import Score

SEPARATOR = "/"
"""Between a task and a metric: `gsm8k/exact_match`."""


def by_task(scores: Sequence[Score], tasks: Sequence[str | None]) -> list[Score]:
    """Each of `scores` on the instances of one task alone, `tasks[i]` being instance i's; [] without tasks.

    Instances keep their statistics: what a metric learns from all references, such as CIDEr's frequencies, it has
    learnt from those of every task. A task that a metric does not score is left out.
    """
    names = dict.fromkeys(task for task in tasks if task is not None)
    return [
        replace(score, name=f"{name}{SEPARATOR}{score.name}", statistics=score.statistics[_of(tasks, name)])
        for name in names
        for score in scores
        if score.statistics[_of(tasks, name)].any()
    ]


def metric_of(name: str) -> str:
    """The metric in a score's name, without its task."""
    return name.rpartition(SEPARATOR)[2]


def _of(tasks: Sequence[str | None], name: str) -> np.ndarray:
    """(instances,) bool."""
    return np.array([task == name for task in tasks])
