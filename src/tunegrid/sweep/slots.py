"""Where packs that run at the same time run: each on GPUs of its own, or on CPU cores of its own."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one pack at a time."""

    environment: Mapping[str, str] = field(default_factory=dict)
    cores: frozenset[int] = frozenset()
    """CPU cores of its own; empty: all."""

    def take(self, process: int) -> None:
        """Confine a process that has just started to the slot's cores; its threads come later and inherit that."""
        if self.cores:
            os.sched_setaffinity(process, self.cores)


def slots(workers: int | None, gpus_each: int, gpus: list[str]) -> list[Slot]:
    """As many slots as `workers`; None: as many as the GPUs give with `gpus_each` to a pack, and one without GPUs.

    More workers than GPUs share them in turn; more workers than cores share these.
    """
    groups = [",".join(gpus[start : start + gpus_each]) for start in range(0, len(gpus) - gpus_each + 1, gpus_each)]
    count = workers or max(1, len(groups))
    if count == 1:
        return [Slot()]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    share = len(cores) // count
    return [
        Slot(
            {"CUDA_VISIBLE_DEVICES": groups[number % len(groups)]} if groups else {},
            frozenset(cores[number * share : (number + 1) * share]),
        )
        for number in range(count)
    ]


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES would name them; imports no torch."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name for name in chosen.split(",") if name and name != "-1"]
    try:
        answer = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return answer.stdout.split()
