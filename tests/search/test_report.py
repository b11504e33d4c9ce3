from dataclasses import replace

from search.known_outcomes import options, outcome

from tunegrid.cell.result import Status
from tunegrid.search.outcome import ranked
from tunegrid.search.report import best_line, edge_lines, shortened, states, stopped_lines, warning_of_test_set
from tunegrid.search.space import Choice, Range, Space
from tunegrid.search.study import Stop

RATE, RANK = "objective.learning_rate", "method.rank"
TRIALS = [
    outcome(0, {RATE: 1e-2, RANK: "4"}, 2.0),
    outcome(1, {RATE: 1e-3, RANK: "16"}, 1.0),
    outcome(2, {RATE: 1e-3, RANK: "4"}, None, Status.DIVERGED),
    outcome(3, {RATE: 1e-4, RANK: "4"}, None, Status.PRUNED, Stop(20, 3.25)),
    outcome(4, {RATE: 1e-4, RANK: "1"}, None, Status.FAILED),
    outcome(5, {RATE: 2e-3, RANK: "1"}, 1.5, stopped=Stop(20, 3.0)),
]


def test_finished_trials_are_ranked_in_the_better_direction_and_each_cell_once():
    twice = replace(TRIALS[1], trial=replace(TRIALS[1].trial, number=9))
    assert [found.trial.number for found in ranked([*TRIALS, twice], options())] == [1, 5, 0]
    high = [outcome(i, {RATE: 1e-3}, score, name="BLEU") for i, score in enumerate((0.2, 0.4, 0.3))]
    assert [found.trial.number for found in ranked(high, options(target="BLEU"))] == [1, 2, 0]


def test_the_best_trial_is_named_with_values_that_can_be_typed():
    found = best_line(TRIALS, options())
    assert found == ["Best: trial 1, val_loss 1.0000, with objective.learning_rate=0.001 method.rank=16."]
    assert best_line(TRIALS[2:5], options()) == []


def test_states_are_counted_and_stopped_trials_named():
    assert states(TRIALS) == "3 done, 1 diverged, 1 stopped early, 1 failed"
    assert stopped_lines(TRIALS) == [
        "Trial 3 was stopped at step 20, val_loss 3.2500: objective.learning_rate=0.0001 method.rank=4."
    ]


def test_a_best_value_at_an_end_is_pointed_at():
    space = Space((), {RATE: Range(1e-5, 1e-3, False, True, None), RANK: Choice(("1", "4", "16", "64"))})
    lines = edge_lines(TRIALS[1].trial.values, space)
    assert len(lines) == 1
    assert lines[0].startswith(
        "The best objective.learning_rate=0.001 lies at the upper end of what was searched (1e-05 … 0.001, log)"
    )


def test_a_target_of_the_test_set_is_warned_of():
    assert warning_of_test_set(options()) == warning_of_test_set(options(target="perplexity")) == []
    assert "BLEU is a score of the test set" in warning_of_test_set(options(target="BLEU"))[0]


def test_keys_are_shortened_where_that_is_clear():
    assert shortened({RATE: 1, RANK: 2}) == {"learning_rate": 1, "rank": 2}
    assert shortened({"a.rank": 1, "b.rank": 2}) == {"a.rank": 1, "b.rank": 2}
