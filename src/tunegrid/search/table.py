"""The table of a search: its finished trials, best first. Imports neither torch nor optuna."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tunegrid.errors import ConfigError
from tunegrid.search.outcome import outcomes, ranked
from tunegrid.search.report import (
    best_line,
    edge_lines,
    missing_lines,
    shortened,
    states,
    stopped_lines,
    warning_of_test_set,
)
from tunegrid.search.space import spelled
from tunegrid.search.trials import Search
from tunegrid.sweep.job import counted
from tunegrid.table.model import Table
from tunegrid.table.output import show, table_of


def print_table(search: Search, how_to_run: str) -> None:
    """Print the table of a search and write it beside its study."""
    show(search_table(search, how_to_run), search.run.table, Path(search.run.output_root))


def search_table(search: Search, how_to_run: str) -> Table:
    """The table, made as a grid's is, from the study alone. Raises `ConfigError` where no trial has the target."""
    trials = outcomes(search.study, search.run.output_root)
    best_first = ranked(trials, search.options)
    if not best_first:
        raise ConfigError(
            f"{search.run.name}: no trial has a {search.options.target} ({states(trials)}); run: {how_to_run}"
        )
    spec = replace(search.run.table, row=next(iter(search.space.dimensions)))
    table = table_of(search.run.name, [outcome.record for outcome in best_first], spec, how_to_run)
    notes = [
        *best_line(trials, search.options),
        *edge_lines(best_first[0].trial.values, search.space),
        f"{counted(search.options.trials, 'trial')}: {states(trials)}.",
        *warning_of_test_set(search.options),
        *stopped_lines(trials),
    ]
    return replace(
        relabelled(table, [f"{o.trial.number}: {spelled(shortened(o.trial.values))}" for o in best_first]),
        row_keys=("trial",),
        missing=tuple(missing_lines(trials, search, how_to_run)),
        notes=(*notes, *table.notes),
    )


def relabelled(table: Table, labels: Sequence[str]) -> Table:
    """The same table with other names for its rows, all of one series."""
    heads = tuple(replace(head, label=label, series="") for head, label in zip(table.rows, labels, strict=True))
    columns = tuple(
        replace(
            column,
            entries=tuple(replace(entry, row=label) for entry, label in zip(column.entries, labels, strict=True)),
        )
        for column in table.columns
    )
    return replace(table, rows=heads, columns=columns)
