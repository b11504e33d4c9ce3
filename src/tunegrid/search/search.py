"""A search: ask for a batch of trials, train it as a sweep trains its cells, tell the sampler, ask again."""

from collections.abc import Sequence
from contextlib import nullcontext
from importlib.util import find_spec

from hydra.core.config_loader import ConfigLoader
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from tunegrid.cell.cell import lock
from tunegrid.cell.result import Status
from tunegrid.errors import ConfigError, UserError
from tunegrid.search.follow import Follower, Tail, following
from tunegrid.search.options import PrunerKind
from tunegrid.search.outcome import outcomes, ranked
from tunegrid.search.pruning import Curve
from tunegrid.search.report import best_line, states, warning_of_test_set
from tunegrid.search.table import print_table
from tunegrid.search.trials import Asked, Search
from tunegrid.sweep.grid import Grid, GridPoint
from tunegrid.sweep.job import CellsFailed, counted, is_due, say, summary
from tunegrid.sweep.sweep import check_data, launch, mirror_table


def run_search(loader: ConfigLoader, master: DictConfig, launcher: Launcher, arguments: Sequence[str]) -> None:
    """Run a search to its number of trials, from where an earlier command left it, and print its table.

    Raises `CellsFailed` if a trial broke, `UserError` before anything has run.
    """
    check_package()
    search = Search(loader, master, arguments)
    check_data(Grid(tuple(search.corners), ()))
    search.largest_batch()
    for line in warning_of_test_set(search.options):
        say(line)
    if search.run.force:
        search.study.trials.clear()
    for number in range(search.study.batches):
        run_batch(search, launcher, number)
    while search.left:
        number = ask(search)
        run_batch(search, launcher, number)
        if all(outcome.is_broken for outcome in outcomes(search.study, search.run.output_root, number)):
            break  # the next batch would fare no better
    finish(search)


def check_package() -> None:
    """Raise `ConfigError` where Optuna is not installed."""
    if find_spec("optuna") is None:
        raise ConfigError('hydra/sweeper=search needs the package optuna; pip install "tunegrid[search]"')


def ask(search: Search) -> int:
    """Ask the sampler for the next batch and put it on record; returns its number."""
    from tunegrid.search.suggest import suggest

    known = outcomes(search.study, search.run.output_root)
    count = min(search.options.batch, search.left)
    several = suggest(search.space.dimensions, search.options, known, count)
    search.study.add_batch([(values, search.compose(values).cell.id) for values in several])
    return search.study.batches - 1


def run_batch(search: Search, launcher: Launcher, number: int) -> None:
    """Train those cells of a batch that have not ended."""
    if search.run.force:
        forget(search.batch(number))
    follower = follower_of(search, number)
    if follower is not None:
        follower.look()  # what another process has run meanwhile
    batch = search.batch(number)
    due = unique([asked for asked in batch if asked.is_open(is_due)])
    if not due:
        return
    packs = search.packs(due)
    first, last = batch[0].trial.number, batch[-1].trial.number
    say(f"trials {first} to {last} of {search.options.trials}: {counted(len(packs), 'pack')} to run")
    try:
        with nullcontext() if follower is None else following(follower):
            launch(launcher, packs)
    except UserError:
        search.study.withdraw(number)
        raise
    for line in best_line(outcomes(search.study, search.run.output_root), search.options):
        say(line)


def forget(batch: Sequence[Asked]) -> None:
    """Remove what an earlier run of the cells has left: nobody is to be stopped for that."""
    with lock([point.cell for point in unique(batch)], wait=False) as held:
        for cell in held:
            cell.clear()


def unique(batch: Sequence[Asked]) -> list[GridPoint]:
    """The points of a batch, each cell once: a sampler may ask for the same values twice."""
    return list({asked.cell.id: asked.point for asked in batch}.values())


def follower_of(search: Search, number: int) -> Follower | None:
    """What stops trials of a batch early while it trains; None where nothing does."""
    if search.options.pruner is PrunerKind.none:
        return None
    packs = [pack.cells for pack in search.packs(unique(search.batch(number)))]
    return Follower(search.options.pruner, search.study, number, packs, finished_curves(search, number))


def finished_curves(search: Search, before: int) -> list[Curve]:
    """Validation losses of the trials of earlier batches that went to their end."""
    trials = outcomes(search.study, search.run.output_root)
    done = [outcome for outcome in trials if outcome.status is Status.DONE and outcome.trial.stopped is None]
    return [Tail(outcome.folder).read() for outcome in done if outcome.trial.batch < before]


def finish(search: Search) -> None:
    """Print the table. Raises `CellsFailed` where trials broke, or none was done."""
    trials = outcomes(search.study, search.run.output_root)
    grid = search.grid()
    if ranked(trials, search.options):
        print_table(search, "the same command again")
        mirror_table(grid.run, grid.cells)
    broken = {outcome.record.id for outcome in trials if outcome.is_broken}
    failed = [cell for cell in grid.cells if cell.id in broken]
    if failed:
        raise CellsFailed(f"{summary(failed)}\n{len(failed)} of {counted(len(trials), 'trial')} not done")
    if not ranked(trials, search.options):
        raise CellsFailed(f"{search.run.name}: no trial has a {search.options.target}: {states(trials)}")
