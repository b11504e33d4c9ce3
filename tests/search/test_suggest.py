import math

import pytest
from search.known_outcomes import options, outcome

from tunegrid.cell.result import Status
from tunegrid.search.options import SamplerKind, SearchOptions
from tunegrid.search.outcome import Outcome
from tunegrid.search.space import Choice, Range, Values
from tunegrid.search.study import Stop
from tunegrid.search.suggest import suggest

DIMENSIONS = {
    "objective.learning_rate": Range(1e-5, 1e-1, False, True, None),
    "method.rank": Choice(("1", "4", "16")),
}
BEST = 1e-3


def bowl(values: Values) -> float:
    return (
        1.0 + (math.log10(float(values["objective.learning_rate"]) / BEST)) ** 2 + 0.1 * (values["method.rank"] != "4")
    )


def searched(settings: SearchOptions, trials: int, batch: int = 4) -> list[Outcome]:
    """A search of the bowl."""
    known: list[Outcome] = []
    while len(known) < trials:
        several = suggest(DIMENSIONS, settings, known, batch)
        known += [outcome(len(known) + i, values, bowl(values)) for i, values in enumerate(several)]
    return known


@pytest.mark.parametrize("seed", range(5))
def test_tpe_finds_the_lowest_point_of_a_bowl_in_60_trials(seed: int):
    best = min(searched(options(seed=seed), 60), key=lambda found: bowl(found.trial.values))
    assert abs(math.log10(float(best.trial.values["objective.learning_rate"]) / BEST)) < 0.1
    assert best.trial.values["method.rank"] == "4"


def test_tpe_searches_where_the_bowl_is_low_and_random_everywhere():
    late = {
        kind: [bowl(found.trial.values) for found in searched(options(sampler=kind), 60)[20:]] for kind in SamplerKind
    }
    assert sum(late[SamplerKind.tpe]) < 0.7 * sum(late[SamplerKind.random])


@pytest.mark.parametrize("kind", SamplerKind)
def test_a_batch_is_a_function_of_the_trials_before_it_and_of_the_seed(kind: SamplerKind):
    known = searched(options(sampler=kind), 16)
    again = suggest(DIMENSIONS, options(sampler=kind), known[:12], 4)
    assert again == [found.trial.values for found in known[12:]]
    assert again != suggest(DIMENSIONS, options(sampler=kind, seed=1), known[:12], 4)


def test_the_trials_of_a_batch_lie_apart():
    several = suggest(DIMENSIONS, options(), searched(options(), 40), 8)
    assert len({str(values) for values in several}) == 8


def test_values_are_of_their_dimension():
    dimensions = {
        "a": Range(1, 64, True, True, None),
        "b": Range(1, 7, True, False, 3.0),
        "c": Range(0.0, 0.75, False, False, 0.25),
        "d": Choice(("[query]", "[query,value]")),
    }
    known = [outcome(i, {"a": 3, "b": 4, "c": 0.5, "d": "[query]"}, 1.0 + i) for i in range(12)]
    for values in suggest(dimensions, options(), known, 20):
        assert values["a"] in range(1, 65) and isinstance(values["a"], int)
        assert values["b"] in (1, 4, 7) and values["c"] in (0.0, 0.25, 0.5, 0.75)
        assert values["d"] in ("[query]", "[query,value]")


@pytest.mark.parametrize(
    ("status", "stopped"), [(Status.DIVERGED, None), (Status.OOM, None), (Status.PRUNED, Stop(10, 9.0))]
)
def test_bad_trials_turn_the_sampler_away_and_broken_ones_do_not(status: Status, stopped: Stop | None):
    """High rates diverge: TPE then stays low. The same trials, failed for another reason, teach it nothing."""

    def high_rates(how: Status, stop: Stop | None) -> int:
        known = [outcome(i, {"objective.learning_rate": 1e-4 * (1 + i), "method.rank": "4"}, 1.0) for i in range(12)]
        known += [
            outcome(12 + i, {"objective.learning_rate": 0.05, "method.rank": "4"}, None, how, stop) for i in range(12)
        ]
        several = suggest(DIMENSIONS, options(), known, 24)
        return sum(float(values["objective.learning_rate"]) > 0.01 for values in several)

    assert high_rates(status, stopped) < high_rates(Status.FAILED, None)


@pytest.mark.parametrize(("target", "is_low"), [("val_loss", True), ("BLEU", False)])
def test_a_search_goes_in_the_direction_that_is_better_for_its_target(target: str, is_low: bool):
    known = [
        outcome(i, {"objective.learning_rate": 10 ** (-5 + i / 4), "method.rank": "4"}, float(i), name=target)
        for i in range(16)
    ]
    several = suggest(DIMENSIONS, options(target=target), known, 12)
    low = sum(float(values["objective.learning_rate"]) < 1e-3 for values in several)
    assert low > 8 if is_low else low < 4
