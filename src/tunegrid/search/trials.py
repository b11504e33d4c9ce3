"""A search and the cells of its trials, composed and checked. Imports neither torch nor optuna."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from tunegrid.cell.cell import Cell
from tunegrid.cell.result import Status
from tunegrid.config import resolve
from tunegrid.errors import ConfigError
from tunegrid.known_names import refuse_added_keys
from tunegrid.mistakes import explain, is_mistake
from tunegrid.objective.sft import Sft
from tunegrid.search.options import SearchOptions
from tunegrid.search.space import Space, Values, read_space, spelled
from tunegrid.search.study import Study, Trial, settings_of
from tunegrid.sweep.forecast import Engine, Forecasts
from tunegrid.sweep.grid import Composer, Grid, GridPoint
from tunegrid.sweep.job import seems_due
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
        refuse_added_keys(master.hydra.sweeper, "hydra.sweeper.")
        self.options: SearchOptions = resolve(master.hydra.sweeper)
        self.space: Space = read_space(loader, self.options.params, arguments)
        self.forecasts = Forecasts(Engine.of(master.hydra.launcher))
        self._composer = Composer(loader, master)
        self.corners = [self.compose(values) for values in self.space.corners()]
        """Points at the ends of every range: a range that reaches too far is refused before anything runs."""
        self._check()
        path = Path(self.run.output_root) / self.run.name / "study.json"
        self.study = Study.read(path, settings_of(self.options, self.space))

    @property
    def run(self) -> "Run":
        """The run whose name, table and sweep options hold for the whole search."""
        return self.corners[0].cell.run

    @property
    def left(self) -> int:
        """Trials that have not been asked for."""
        return max(self.options.trials - len(self.study.trials), 0)

    def due(self) -> int:
        """Trials that have been asked for and seem to have to run."""
        asked = [asked for number in range(self.study.batches) for asked in self.batch(number)]
        return sum(one.is_open(seems_due) for one in asked)

    def compose(self, values: Values) -> GridPoint:
        """The cell of some values. Raises `ConfigError` naming them where they cannot be."""
        overrides = self.space.overrides(values)
        try:
            return GridPoint(self._composer.cell(overrides), overrides.all)
        except Exception as error:
            if not is_mistake(error):
                raise
            raise ConfigError(f"{explain(error, overrides.all)} [trial: {spelled(values)}]") from error

    def batch(self, number: int) -> list[Asked]:
        """The trials of a batch. Raises `ConfigError` where their config or data are no longer what they were."""
        return [self._asked(trial) for trial in self.study.batch(number)]

    def packs(self, points: Sequence[GridPoint]) -> list[PackPlan]:
        """How cells would be packed. Raises `ConfigError` for one that has no room in memory."""
        return self.forecasts.packs(points)

    def largest_batch(self) -> list[PackPlan]:
        """The packs of a batch whose trials all take as much memory as any can; they differ in their seeds.

        Raises `ConfigError` naming the values of such a trial that has no room even alone.
        """
        values, size = self._heaviest(), min(self.options.batch, self.options.trials)
        fixed = self.space.overrides(values)
        seeds = [replace(fixed, values=(*fixed.values, f"seed={seed}")) for seed in range(size)]
        try:
            return self.packs([GridPoint(self._composer.cell(overrides), overrides.all) for overrides in seeds])
        except ConfigError as error:
            raise ConfigError(f"{error} [trial: {spelled(values)}]") from error

    def _heaviest(self) -> Values:
        """The values that take most memory, and of those that take the same, most tokens.

        From the corner that does so on, each dimension in turn goes to its worst end: what takes more memory at one
        place of the space does so everywhere.
        """
        heaviest = max(self.space.corners(), key=self._weight)
        for key, dimension in self.space.dimensions.items():
            heaviest = max((heaviest, *({**heaviest, key: edge} for edge in dimension.edges)), key=self._weight)
        return heaviest

    def _weight(self, values: Values) -> tuple[float, float]:
        """Memory in bytes, where it is known, and training tokens in rows; nothing for values that cannot be."""
        try:
            cell = self.compose(values).cell
        except ConfigError:
            return 0.0, 0.0
        memory, objective = self.forecasts.memory([cell]), cell.run.objective
        rows = objective.steps * objective.batch_size if isinstance(objective, Sft) else 0
        return 0.0 if isinstance(memory, str) else memory.total, rows

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
        if self.run.sweep.stages:
            raise ConfigError("sweep.stages: a search has none; leave them out, or run them as a grid")
