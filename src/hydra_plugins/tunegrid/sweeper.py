"""`hydra/sweeper: tunegrid`."""

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class TunegridSweeper(Sweeper):
    """Composes and checks every cell first, leaves out what is done, packs the rest."""

    def __init__(self, params: dict[str, str] | None = None) -> None:
        super().__init__()
        self.params = params  # read from the config in `compose_grid`; Hydra insists on the argument

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Make the launcher that the user chose."""
        self.config = config
        self.hydra_context: HydraContext | None = hydra_context
        self.launcher: Launcher | None = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run the grid that `arguments` and `params` span."""
        from tunegrid.sweep.sweep import sweep

        assert self.hydra_context is not None and self.config is not None and self.launcher is not None
        sweep(self.hydra_context.config_loader, self.config, self.launcher, arguments)
