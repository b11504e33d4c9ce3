import random

import optuna
import pytest

from tunegrid.search.pruning import above_median, halved


def optuna_prunes(own: dict[int, float], done: list[dict[int, float]]) -> bool:
    """What Optuna's MedianPruner, with its defaults, says of a trial at its last step."""
    study = optuna.create_study()
    study.add_trials([optuna.trial.create_trial(value=0.0, intermediate_values=curve) for curve in done])
    trial = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, intermediate_values=own)
    return optuna.pruners.MedianPruner().prune(study, trial)


@pytest.mark.parametrize("seed", range(20))
def test_the_median_rule_is_optunas(seed: int):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    draw = random.Random(seed)
    steps = (10, 20, 30)
    done = [{step: draw.random() for step in steps[: draw.choice((2, 3))]} for _ in range(draw.choice((4, 5, 8)))]
    own = {step: draw.random() for step in steps}
    parts = [{step: own[step] for step in own if step <= last} for last in own]
    expected = next((max(part) for part in parts if optuna_prunes(part, done)), None)
    assert above_median(own, done, steps=40) == expected


def test_the_last_step_stops_nobody():
    done = [{10: 1.0, 20: 1.0}] * 5
    assert above_median({10: 0.5, 20: 0.5}, done, 20) is None
    assert above_median({10: 1.0, 20: 2.0}, done, 20) is None
    assert above_median({10: 2.0}, done, 20) == 10 and above_median({10: 2.0}, done, 10) is None
    assert halved({"a": {5: 1.0}, "b": {5: 2.0}}, (), every=5, steps=5) == {}


def test_halving_stops_the_worse_half_at_doubling_validations_and_never_the_best():
    names = "abcdefgh"
    curves = {name: {step: place + 1 / step for step in range(1, 9)} for place, name in enumerate(names)}
    assert halved(curves, (), every=1, steps=8) == {**dict.fromkeys("efgh", 1), "c": 2, "d": 2, "b": 4}


def test_halving_waits_until_all_that_train_have_been_validated():
    curves = {"a": {5: 1.0}, "b": {5: 2.0}, "c": {}}
    assert halved(curves, (), 5, 40) == {}
    assert halved(curves, ("c",), 5, 40) == {"b": 5}
    passed = {"a": {5: 1.0, 10: 0.9}, "b": {5: 2.0, 10: 1.9}, "c": {3: 9.0}}
    assert halved(passed, (), 5, 40) == {"b": 5}


def test_a_decision_does_not_depend_on_what_came_later():
    draw = random.Random(3)
    curves = {name: {step: draw.random() for step in range(1, 17)} for name in "abcdefgh"}
    whole = halved(curves, (), 1, 17)
    for seen in range(1, 17):
        part = {name: {step: curve[step] for step in range(1, seen + 1)} for name, curve in curves.items()}
        assert halved(part, (), 1, 17) == {name: step for name, step in whole.items() if step <= seen}


def test_one_cell_alone_is_never_halved():
    assert halved({"a": {1: 5.0, 2: 5.0}}, (), 1, 9) == {}
