import numpy as np
import pytest

from tunegrid.errors import ConfigError
from tunegrid.metrics import Score
from tunegrid.metrics.by_task import by_task
from tunegrid.metrics.combine import corpus_value, measure

SCORES = [Score("exact_match", np.array([[1.0, 1], [0, 1], [1, 1], [1, 1]]))]


def test_each_task_is_scored_on_its_own_instances():
    values = {score.name: corpus_value(score) for score in by_task(SCORES, ["a", "b", "a", "b"])}
    assert values == {"a/exact_match": 1.0, "b/exact_match": 0.5}


def test_without_tasks_there_is_nothing_to_add():
    assert by_task(SCORES, [None] * 4) == by_task([], ["a"]) == []


def test_a_task_s_metric_is_known_by_its_own_name():
    assert measure("any/val_loss") is measure("val_loss")
    with pytest.raises(ConfigError, match="unknown metric 'BLUE'; did you mean BLEU"):
        measure("any/BLUE")
