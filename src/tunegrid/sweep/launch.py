"""What `hydra/launcher: process` does: a sweep's jobs in processes of this machine."""

from collections.abc import Callable, Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from tunegrid.sweep.grid import without_hydra
from tunegrid.sweep.slots import slots, visible_gpus
from tunegrid.sweep.supervise import Supervisor, job_of


def launch_processes(
    loader: ConfigLoader, master: DictConfig, jobs: Sequence[Sequence[str]], workers: int | None
) -> list[JobReturn]:
    """Run each job in a child process, `workers` at a time; a child that dies costs only its own cells."""
    gpus = [] if master.hardware.accelerator == "cpu" else visible_gpus()
    supervisor = Supervisor(
        [job_of(master.hydra, master, job, _composer(loader, master, job)) for job in jobs],
        slots(workers, master.hardware.get("devices", 1), gpus)[: len(jobs)],
    )
    return [
        JobReturn(overrides=job, status=JobStatus.COMPLETED, _return_value=outcome)
        for job, outcome in zip(jobs, supervisor.run(), strict=True)
    ]


def _composer(loader: ConfigLoader, master: DictConfig, job: Sequence[str]) -> Callable[[], DictConfig]:
    return lambda: without_hydra(loader.load_sweep_config(master, list(job)))
