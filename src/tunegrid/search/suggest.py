"""Which values to try next, by Optuna's samplers. Imports optuna."""

import warnings
from collections.abc import Mapping, Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from tunegrid.search.options import SamplerKind, SearchOptions
from tunegrid.search.outcome import Outcome
from tunegrid.search.space import Choice, Dimension, Values
from tunegrid.seeds import stream


def suggest(
    dimensions: Mapping[str, Dimension], options: SearchOptions, known: Sequence[Outcome], count: int
) -> list[Values]:
    """The values of the `count` trials that follow the `known` ones, asked for together.

    A function of its arguments: each trial draws from a stream of its own number, so that it does not matter how often
    the search was interrupted. TPE takes the trials of the same batch before it for bad ones, so that they lie apart
    (constant liar, Ginsbourger et al. 2010).
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize" if options.lower_is_better else "maximize")
    distributions = {key: _distribution(dimension) for key, dimension in dimensions.items()}
    study.add_trials([_told(outcome, options.target, distributions) for outcome in known])
    asked: list[Values] = []
    for number in range(len(known), len(known) + count):
        study.sampler = _sampler(options.sampler, stream(options.seed, "search", number) % 2**32)
        drawn = study.ask(distributions).params
        asked.append({key: dimension.rounded(drawn[key]) for key, dimension in dimensions.items()})
    return asked


def _sampler(kind: SamplerKind, seed: int) -> BaseSampler:
    if kind is SamplerKind.random:
        return RandomSampler(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of both settings, in Optuna 4
        return TPESampler(seed=seed, multivariate=True, constant_liar=True)


def _distribution(dimension: Dimension) -> BaseDistribution:
    if isinstance(dimension, Choice):
        return CategoricalDistribution(dimension.values)
    if dimension.is_integer:
        low, high, step = int(dimension.low), int(dimension.high), int(dimension.step or 1)
        return IntDistribution(low, high, log=dimension.is_log, step=step)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.is_log, step=dimension.step)


def _told(outcome: Outcome, target: str, distributions: dict[str, BaseDistribution]) -> FrozenTrial:
    """A trial in Optuna's terms. What TPE is told was pruned without a value ranks below everything else."""
    stop = outcome.trial.stopped
    score = None if outcome.is_bad else outcome.record.score(target)
    without = TrialState.PRUNED if outcome.is_bad else TrialState.FAIL
    return create_trial(
        state=without if score is None else TrialState.COMPLETE,
        value=score,
        params=dict(outcome.trial.values),
        distributions=distributions,
        intermediate_values={stop.step: stop.val_loss} if stop else {},
    )
