"""Seconds and peak memory of each phase of a run."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


class Phase(Enum):
    """The parts that a cell's cost is split into."""

    PREPARING = "preparing"
    FORGETTING = "forgetting"
    TRAINING = "training"
    GENERATION = "generation"
    SCORING = "scoring"


@dataclass(slots=True)
class Meter:
    """Measures phases as they happen; a phase measured twice adds up."""

    seconds: dict[Phase, float] = field(default_factory=dict)
    start_bytes: dict[Phase, int] = field(default_factory=dict)
    """In use when the phase began for the first time."""
    peak_bytes: dict[Phase, int] = field(default_factory=dict)

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[None]:
        """Charge what happens inside the `with` block to `phase`."""
        reset_peak()
        self.start_bytes.setdefault(phase, in_use())
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - start
            self.peak_bytes[phase] = max(self.peak_bytes.get(phase, 0), peak())


def reset_peak() -> None:
    """Start a new measurement of peak memory."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: resets VmHWM, the peak of resident memory


def in_use() -> int:
    """Bytes now, of the same memory as `peak`; 0 where the operating system does not say."""
    import torch

    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.memory_allocated()
    return _of_process("VmRSS") or 0


def peak() -> int:
    """Bytes at the peak since `reset_peak`: of the GPU where one is in use, else resident in main memory.

    Where the operating system cannot reset its peak (anything but Linux), that of the whole process.
    """
    import torch

    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated()
    return _of_process("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _of_process(name: str) -> int | None:
    """Bytes that Linux names so of this process."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return None
