"""`hydra/sweeper: search`."""

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from tunegrid.search.options import PrunerKind, SamplerKind


class SearchSweeper(Sweeper):
    """Asks for trials over ranges, a batch at a time, and runs each batch as the grid's sweeper runs its cells."""

    def __init__(
        self,
        params: dict[str, str],
        target: str,
        trials: int,
        batch: int,
        sampler: SamplerKind,
        seed: int,
        pruner: PrunerKind,
    ) -> None:
        super().__init__()  # all of them are read from the config in `Search`; Hydra insists on the arguments

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Make the launcher that the user chose."""
        self.config = config
        self.hydra_context: HydraContext | None = hydra_context
        self.launcher: Launcher | None = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Search the space that `arguments` and `params` span."""
        from tunegrid.search.search import run_search

        assert self.hydra_context is not None and self.config is not None and self.launcher is not None
        run_search(self.hydra_context.config_loader, self.config, self.launcher, arguments)
