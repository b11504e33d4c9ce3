"""What a search says of itself. Imports neither torch nor optuna."""

from collections import Counter
from collections.abc import Sequence

from tunegrid.cell.result import Status
from tunegrid.search.options import VALIDATION_SCORES, SearchOptions
from tunegrid.search.outcome import Outcome, outcomes, ranked
from tunegrid.search.space import Space, Values, spelled
from tunegrid.search.trials import Search
from tunegrid.sweep.job import counted


def describe(search: Search) -> list[str]:
    """What is searched for and how, line by line."""
    options, dimensions = search.options, search.space.dimensions
    width = max(len(key) for key in dimensions)
    return [
        f"search for the {'lowest' if options.lower_is_better else 'highest'} {options.target} over",
        *(f"  {key:{width}}  {dimension}" for key, dimension in dimensions.items()),
        f"sampler {options.sampler.value}, seed {options.seed}, pruner {options.pruner.value}",
        *warning_of_test_set(options),
    ]


def progress(search: Search, due: int) -> list[str]:
    """How far the search is; `due` of its trials have to be finished."""
    options, trials = search.options, outcomes(search.study, search.run.output_root)
    return [
        *best_line(trials, options),
        f"{counted(options.trials, 'trial')} · {states(trials)} · {due} to finish · "
        f"{search.left} to ask for, {options.batch} at a time",
    ]


def warning_of_test_set(options: SearchOptions) -> list[str]:
    """What to say of a target that comes from the test set."""
    if options.target in VALIDATION_SCORES:
        return []
    return [
        f"{options.target} is a score of the test set: the best of many trials looks better there than it is. "
        f"Search by {VALIDATION_SCORES[0]}, and read {options.target} in the table."
    ]


def best_line(trials: Sequence[Outcome], options: SearchOptions) -> list[str]:
    """The best trial so far and its values; nothing while none is done."""
    best = next(iter(ranked(trials, options)), None)
    if best is None:
        return []
    score = best.record.score(options.target)
    return [f"Best: trial {best.trial.number}, {options.target} {score:.4f}, with {spelled(best.trial.values)}."]


def edge_lines(best: Values, space: Space) -> list[str]:
    """Where the best values lie at an end of what was searched."""
    ends = {key: dimension.end_at(best[key]) for key, dimension in space.dimensions.items()}
    return [
        f"The best {key}={best[key]} lies at the {end} end of what was searched ({space.dimensions[key]}): "
        "something better may lie beyond, so widen it."
        for key, end in ends.items()
        if end is not None
    ]


def stopped_lines(trials: Sequence[Outcome]) -> list[str]:
    """The trials that the pruner stopped, and what they had come to."""
    return [
        f"Trial {trial.number} was stopped at step {stop.step}, val_loss {stop.val_loss:.4f}: {spelled(trial.values)}."
        for outcome in trials
        if (stop := (trial := outcome.trial).stopped) is not None and outcome.status is not Status.DONE
    ]


def missing_lines(trials: Sequence[Outcome], search: Search, how_to_run: str) -> list[str]:
    """What keeps the search from being complete."""
    broken = [outcome for outcome in trials if outcome.is_broken]
    lines = [f"Trial {o.trial.number} is {o.status.value}: {spelled(o.trial.values)}." for o in broken]
    if search.left:
        lines.append(f"{len(trials)} of {search.options.trials} trials have been asked for; to go on: {how_to_run}")
    return lines


def states(trials: Sequence[Outcome]) -> str:
    """How many trials ended in which way."""
    counts = Counter(_state(outcome) for outcome in trials)
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or "none asked for yet"


def shortened(values: Values) -> Values:
    """Values by the last word of their keys, where that is enough to tell them apart."""
    words = [key.rpartition(".")[2] for key in values]
    return {
        word if words.count(word) == 1 else key: value for word, (key, value) in zip(words, values.items(), strict=True)
    }


def _state(outcome: Outcome) -> str:
    is_stopped = outcome.trial.stopped is not None and outcome.status is not Status.DONE
    return "stopped early" if is_stopped else outcome.status.value
