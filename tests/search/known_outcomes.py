"""Trials whose outcome is made up, for the tests of samplers and reports."""

from dataclasses import replace
from pathlib import Path

from table.synthetic_cells import record

from tunegrid.cell.result import ScoreValue, Status
from tunegrid.search.options import PrunerKind, SamplerKind, SearchOptions
from tunegrid.search.outcome import Outcome
from tunegrid.search.space import Values
from tunegrid.search.study import Stop, Trial


def options(**changes: object) -> SearchOptions:
    """A search for the lowest val_loss, changed in some fields."""
    base = SearchOptions(
        _target_="",
        params={},
        target="val_loss",
        trials=20,
        batch=4,
        sampler=SamplerKind.tpe,
        seed=0,
        pruner=PrunerKind.none,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def outcome(
    number: int,
    values: Values,
    score: float | None,
    status: Status = Status.DONE,
    stopped: Stop | None = None,
    name: str = "val_loss",
) -> Outcome:
    """A trial with this score; None: without."""
    scores = {} if score is None else {name: ScoreValue(value=score, low=None, high=None)}
    made = record(4, status=status, scores=scores)
    trial = Trial(number=number, batch=number // 4, values=values, cell=f"{number:016x}", stopped=stopped)
    return Outcome(trial, Path(), replace(made, id=trial.cell))
