import numpy as np
import pytest

from tunegrid.metrics.bootstrap import interval
from tunegrid.metrics.combine import corpus_value, measure
from tunegrid.metrics.forgetting import BeforeAfter, Remembered, forgetting_scores


def remembered(nats: list[float], right: list[float]) -> Remembered:
    """Passages of 2, 3, … tokens; the first column of choices is none that counts here."""
    tokens = np.arange(2.0, 2.0 + len(nats))
    return Remembered(np.column_stack([nats, tokens]), np.array([[0.0, own, 1.0] for own in right]))


ASKED = BeforeAfter(remembered([2.0, 4.0], [1, 1, 0, 1]), remembered([3.0, 7.0], [1, 0, 0.5, 0]), ("a", "a", "b", "b"))


def test_changes_are_those_of_the_corpus_values() -> None:
    values = {score.name: corpus_value(score) for score in forgetting_scores(ASKED)}
    assert values == pytest.approx(
        {
            "general_perplexity": np.exp(10 / 5),
            "perplexity_change": np.exp(10 / 5) - np.exp(6 / 5),
            "held_out_accuracy": 1.5 / 4,
            "held_out_change": 1.5 / 4 - 3 / 4,
        }
    )


def test_a_model_that_did_not_change_has_no_interval_around_its_change() -> None:
    scores = {s.name: s for s in forgetting_scores(BeforeAfter(ASKED.before, ASKED.before, ASKED.tasks))}
    for name in ("perplexity_change", "held_out_change"):
        found = interval(scores[name], resamples=50, seed=0)
        assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    assert interval(scores["general_perplexity"], resamples=50, seed=0).low < corpus_value(scores["general_perplexity"])


def test_more_perplexity_and_less_accuracy_are_worse() -> None:
    assert not measure("perplexity_change").higher_is_better and not measure("general_perplexity").higher_is_better
    assert measure("held_out_change").higher_is_better and measure("held_out_accuracy").higher_is_better
