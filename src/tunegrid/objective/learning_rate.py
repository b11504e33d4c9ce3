"""Learning-rate schedules."""

from math import cos, pi

from tunegrid.objective.sft import Schedule


def rate_factor(step: int, steps: int, warmup: int, schedule: Schedule) -> float:
    """The share of the peak learning rate in force at optimiser step `step` (0-based) of `steps`.

    Linear from 0 over `warmup` steps, then constant, linear to 0, or half a cosine to 0: the same values as
    transformers' `get_*_schedule_with_warmup`.
    """
    if step < warmup:
        return step / max(1, warmup)
    done = (step - warmup) / max(1, steps - warmup)
    if schedule is Schedule.constant:
        return 1.0
    return max(0.0, 1 - done) if schedule is Schedule.linear else max(0.0, 0.5 * (1 + cos(pi * done)))
