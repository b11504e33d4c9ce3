"""`hydra/launcher: process`."""

from collections.abc import Sequence

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from tunegrid.config import require


class ProcessLauncher(Launcher):
    """One child process per job, so that a job that is killed costs nothing but itself."""

    def __init__(self, workers: int | None) -> None:
        super().__init__()
        require(workers is None or workers >= 1, "hydra.launcher.workers", "be at least 1 or null", workers)
        self.workers = workers

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep the sweep's config and what composes a job's."""
        self.config = config
        self.loader = hydra_context.config_loader

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs, `workers` at a time."""
        from tunegrid.sweep.launch import launch_processes

        return launch_processes(self.loader, self.config, job_overrides, self.workers)
