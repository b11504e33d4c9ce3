"""Which trials to stop early: pure functions of validation losses."""

from collections.abc import Collection, Mapping, Sequence
from math import ceil, inf
from statistics import median

Curve = Mapping[int, float]
"""Validation loss by step."""

FEWEST_DONE = 5
"""Finished trials before the median rule stops any, as in Optuna's MedianPruner."""


def above_median(own: Curve, done: Sequence[Curve], steps: int) -> int | None:
    """The first step at which the trial's lowest loss so far is above the median of finished trials; None: at none.

    The rule of Golovin et al. 2017 ("Google Vizier", section 3.2), as Optuna's MedianPruner has it. A trial of `steps`
    steps is not stopped at its last.
    """
    if len(done) < FEWEST_DONE:
        return None
    for step in sorted(step for step in own if step < steps):
        known = [curve[step] for curve in done if step in curve]
        if known and lowest(own, step) > median(known):
            return step
    return None


def halved(curves: Mapping[str, Curve], ended: Collection[str], every: int, steps: int) -> dict[str, int]:
    """The cells of a pack to stop, each with the step that decided it, by synchronous successive halving.

    At the 1st, 2nd, 4th, 8th … validation (`every` steps apart) the better half of those that train goes on (Jamieson
    and Talwalkar 2016). A validation counts once all that train have been through it: a cell that has `ended`, or that
    others have passed, is not waited for.
    """
    stopped: dict[str, int] = {}
    step = every
    while step < steps:
        training = [name for name in curves if name not in stopped]
        there = [name for name in training if step in curves[name]]
        missing = [name for name in training if step not in curves[name] and name not in ended]
        if missing and not any(max(curves[name], default=0) > step for name in there):
            break
        ranked = sorted(there, key=lambda name: lowest(curves[name], step))
        stopped |= dict.fromkeys(ranked[ceil(len(ranked) / 2) :], step)
        step *= 2
    return stopped


def lowest(curve: Curve, step: int) -> float:
    """The lowest loss up to a step."""
    return min((loss for at, loss in curve.items() if at <= step), default=inf)
