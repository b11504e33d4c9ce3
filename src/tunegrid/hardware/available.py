"""How much memory there is for a pack, and what the device multiplies natively, found out without torch."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from tunegrid.hardware import Accelerator, Hardware, Precision

ROOT = Path("/")
AMPERE = 8.0
"""Compute capability from which GPUs multiply bfloat16."""


@dataclass(frozen=True, slots=True)
class Device:
    """Where packs will run."""

    kind: str
    """`cpu` or `cuda`, as torch names it."""
    free_bytes: int | None
    """Of main memory or of the GPU; None where the system does not say."""
    bfloat16: bool
    """Whether it multiplies bfloat16 natively."""

    def precision(self, hardware: Hardware) -> str:
        """What `hardware.machine.precision_of` will choose: `float32` or `bfloat16`."""
        if hardware.precision is not Precision.auto:
            return hardware.precision.value
        return "bfloat16" if self.bfloat16 else "float32"


@cache
def device(accelerator: Accelerator) -> Device:
    """The device that torch will use, and what is free on it now."""
    gpu = None if accelerator is Accelerator.cpu else _gpu()
    return gpu or Device("cpu", free_memory(), _cpu_multiplies_bfloat16())


def free_memory(root: Path = ROOT) -> int | None:
    """Bytes of main memory that this process may still take: the system's, or less in a control group (Linux)."""
    left = [_available(root), *(limit - used for limit, used in _control_groups(root))]
    known = [size for size in left if size is not None]
    return max(0, min(known)) if known else None


def _available(root: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in (root / "proc/meminfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(ValueError, OSError):  # anything but Linux: all there is
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _control_groups(root: Path) -> Iterator[tuple[int, int]]:
    """(limit, use) in bytes of every memory control group around this process; files that can be dropped are no use."""
    for group, limit, used, droppable in _group_folders(root):
        with suppress(OSError, ValueError):
            most = int((group / limit).read_text(encoding="utf-8"))  # `max` in version 2: no limit
            yield most, int((group / used).read_text(encoding="utf-8")) - _statistic(group, droppable)


def _group_folders(root: Path) -> Iterator[tuple[Path, str, str, str]]:
    """Each control group of ours with the names of its files, from our own up to the mount."""
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                mount, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
            elif "memory" in controllers.split(","):
                mount = root / "sys/fs/cgroup/memory"
                names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            else:
                continue
            own = mount / path.lstrip("/")
            for folder in (own, *own.parents):  # in a container the path may be the host's: only the mount is there
                yield folder, *names
                if folder == mount:
                    break


def _statistic(group: Path, name: str) -> int:
    for line in (group / "memory.stat").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name} "):
            return int(line.split()[1])
    return 0


def _cpu_multiplies_bfloat16(root: Path = ROOT) -> bool:
    with suppress(OSError):
        for line in (root / "proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("flags"):
                return bool({"avx512_bf16", "amx_tile"} & set(line.split()))
    return False


def _gpu() -> Device | None:
    """The GPU that torch will use, by nvidia-smi; None where there is none, or where torch was built without CUDA."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen in ("", "-1") or metadata.version("torch").endswith("+cpu") or shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", "--query-gpu=memory.free,compute_cap", "--format=csv,noheader,nounits"]
    if chosen:
        command.append(f"--id={chosen.split(',')[0]}")
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        mebibytes, capability = answer.stdout.splitlines()[0].split(",")
        return Device("cuda", int(mebibytes) * 2**20, float(capability) >= AMPERE)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
