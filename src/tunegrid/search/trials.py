"""A search and the cells of its trials, composed and checked. Imports neither torch nor optuna."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from tunegrid.cell.cell import Cell
from tunegrid.cell.result import Status
from tunegrid.config import resolve
from tunegrid.errors import ConfigError
from tunegrid.mistakes import explain, is_mistake
from tunegrid.search.options import SearchOptions
from tunegrid.search.space import Space, Values, read_space
from tunegrid.search.study import Study, Trial, settings_of
from tunegrid.sweep.forecast import Engine, Forecasts
from tunegrid.sweep.grid import Composer, Grid, GridPoint
from tunegrid.sweep.packing import PackPlan

if TYPE_CHECKING:
    from tunegrid.run import Run


@dataclass(frozen=True, slots=True)
class Asked:
    """A trial and its cell."""

    trial: Trial
    point: GridPoint

    @property
    def cell(self) -> Cell:
        """The cell."""
        return self.point.cell

    def is_open(self, due: Callable[[Cell], bool]) -> bool:
        """Whether the cell has to run; `due` says that of a grid's cells.

        A trial that its own search stopped has said what it has to say.
        """
        is_stopped = self.trial.stopped is not None and self.cell.status() is Status.PRUNED
        return due(self.cell) and (self.cell.run.force or not is_stopped)


class Search:
    """The space, the rules and the trials of one search."""

    def __init__(self, loader: ConfigLoader, master: DictConfig, arguments: Sequence[str]) -> None:
        self.options: SearchOptions = resolve(master.hydra.sweeper)
        self.space: Space = read_space(loader, self.options.params, arguments)
        self._composer, self._forecasts = Composer(loader, master), Forecasts(Engine.of(master.hydra.launcher))
        self.corners = [self.compose(values) for values in self.space.corners()]
        """Points at the ends of every range: a range that reaches too far is refused before anything runs."""
        self._check()
        path = Path(self.run.output_root) / self.run.name / "study.json"
        self.study = Study.read(path, settings_of(self.options, self.space))

    @property
    def run(self) -> "Run":
        """The run whose name, table and sweep options hold for the whole search."""
        return self.corners[0].cell.run

    def compose(self, values: Values) -> GridPoint:
        """The cell of some values. Raises `ConfigError` naming them where they cannot be."""
        overrides = self.space.overrides(values)
        try:
            return GridPoint(self._composer.cell(overrides), overrides.all)
        except Exception as error:
            if not is_mistake(error):
                raise
            given = " ".join(f"{key}={value}" for key, value in values.items())
            raise ConfigError(f"{explain(error, overrides.all)} [trial: {given}]") from error

    def batch(self, number: int) -> list[Asked]:
        """The trials of a batch. Raises `ConfigError` where their config or data are no longer what they were."""
        return [self._asked(trial) for trial in self.study.batch(number)]

    def packs(self, points: Sequence[GridPoint]) -> list[PackPlan]:
        """How cells would be packed. Raises `ConfigError` for one that has no room in memory."""
        return self._forecasts.packs(points)

    def grid(self) -> Grid:
        """The cells of all trials so far, each once."""
        asked = [asked for number in range(self.study.batches) for asked in self.batch(number)]
        return Grid(tuple({one.cell.id: one.point for one in asked}.values()), ())

    def _asked(self, trial: Trial) -> Asked:
        point = self.compose(trial.values)
        if point.cell.id != trial.cell:
            raise ConfigError(
                f"{self.study.path}: trial {trial.number} was cell {trial.cell} and would now be {point.cell.id}: "
                "config, data or model have changed; go back to them, or begin another search with name=OTHER"
            )
        return Asked(trial, point)

    def _check(self) -> None:
        target, columns = self.options.target, self.run.table.columns
        if target not in columns:
            raise ConfigError(f"table.columns must contain hydra.sweeper.target ({target}), got {', '.join(columns)}")
        if self.run.sweep.baselines:
            raise ConfigError("sweep.baselines: a search has none; leave them out, or run them as a grid")
