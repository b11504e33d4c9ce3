"""The gap between groups, against a loop over groups; by task, and with instances of no group."""

import random
from statistics import fmean

import numpy as np
import pytest

from tunegrid.metrics import Ranked, Score
from tunegrid.metrics.by_task import by_task
from tunegrid.metrics.combine import corpus_value, measure
from tunegrid.metrics.multiple_choice import MultipleChoice


def drawn(seed: int) -> list[Ranked]:
    draw = random.Random(seed)
    names = ["age", "race", "gender", None]
    return [
        Ranked(np.array([draw.random(), draw.random()]), np.array([1, 1]), [draw.randrange(2)], draw.choice(names))
        for _ in range(draw.randint(20, 40))
    ]


def by_hand(ranked: list[Ranked]) -> float:
    groups: dict[str, list[float]] = {}
    for one in ranked:
        if one.group is not None:
            groups.setdefault(one.group, []).append(float(one.log_likelihoods.argmax() == one.gold[0]))
    means = [fmean(right) for right in groups.values()]
    return max(means) - min(means)


def score(ranked: list[Ranked]) -> Score:
    return next(one for one in MultipleChoice().score_choices(ranked) if one.name == "acc_gap")


@pytest.mark.parametrize("seed", range(40))
def test_a_gap_is_the_best_group_less_the_worst(seed: int):
    assert corpus_value(score(drawn(seed))) == pytest.approx(by_hand(drawn(seed)))


def test_a_task_s_gap_is_that_of_its_own_groups():
    ranked = drawn(0)
    tasks = ["people" if one.group in ("age", "race") else "other" for one in ranked]
    found = {one.name: corpus_value(one) for one in by_task([score(ranked)], tasks)}
    expected = by_hand([one for one in ranked if one.group in ("age", "race")])
    assert found == {"people/acc_gap": pytest.approx(expected), "other/acc_gap": 0.0}


def test_nothing_is_said_of_one_group_and_nan_of_none():
    one_group = [Ranked(one.log_likelihoods, one.lengths, one.gold, "age") for one in drawn(0)]
    assert "acc_gap" not in {one.name for one in MultipleChoice().score_choices(one_group)}
    assert np.isnan(measure("acc_gap").values(np.zeros(3), np.ones((3, 4))))
