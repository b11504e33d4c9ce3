from dataclasses import replace
from pathlib import Path

import pytest

from tunegrid.hardware import Accelerator, available
from tunegrid.hardware.available import Device, device, free_memory

GIB = 2**30


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def machine(root: Path, cgroup: str) -> Path:
    meminfo = f"MemTotal: {32 * GIB // 1024} kB\nMemFree: 1 kB\nMemAvailable: {20 * GIB // 1024} kB\n"
    return write(root, {"proc/meminfo": meminfo, "proc/self/cgroup": cgroup})


def test_without_a_limit_it_is_what_the_system_can_give(tmp_path: Path):
    machine(tmp_path, "0::/\n")
    write(tmp_path, {"sys/fs/cgroup/memory.max": "max\n"})
    assert free_memory(tmp_path) == 20 * GIB


def test_version_2_counts_use_without_files_that_can_be_dropped(tmp_path: Path):
    machine(tmp_path, "0::/jobs/one\n")
    group = "sys/fs/cgroup/jobs/one"
    write(
        tmp_path,
        {
            f"{group}/memory.max": f"{8 * GIB}\n",
            f"{group}/memory.current": f"{5 * GIB}\n",
            f"{group}/memory.stat": f"anon 1\ninactive_file {2 * GIB}\nactive_file 7\n",
        },
    )
    assert free_memory(tmp_path) == 5 * GIB


def test_a_limit_of_an_outer_group_counts(tmp_path: Path):
    machine(tmp_path, "0::/jobs/one\n")
    outer = "sys/fs/cgroup/jobs"
    write(
        tmp_path,
        {
            f"{outer}/one/memory.max": "max\n",
            f"{outer}/memory.max": f"{2 * GIB}\n",
            f"{outer}/memory.current": f"{GIB}\n",
            f"{outer}/memory.stat": "inactive_file 0\n",
        },
    )
    assert free_memory(tmp_path) == GIB


def test_version_1_in_a_container_that_sees_only_its_own_mount(tmp_path: Path):
    machine(tmp_path, "9:name=systemd:/\n4:cpu,memory:/host/path\n")
    mount = "sys/fs/cgroup/memory"
    write(
        tmp_path,
        {
            f"{mount}/memory.limit_in_bytes": f"{4 * GIB}\n",
            f"{mount}/memory.usage_in_bytes": f"{4 * GIB}\n",
            f"{mount}/memory.stat": f"inactive_file 5\ntotal_inactive_file {GIB}\n",
        },
    )
    assert free_memory(tmp_path) == GIB


def test_without_proc_it_is_all_there_is(tmp_path: Path):
    assert free_memory(tmp_path) > 0


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A machine with two GPUs and a torch that can use them."""
    device.cache_clear()
    (tmp_path / "nvidia-smi").write_text('#!/bin/sh\necho "$@" >> "$0.log"\necho "40000, 8.0"\necho "70000, 9.0"\n')
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(available.metadata, "version", lambda package: "2.13.0")
    yield tmp_path / "nvidia-smi.log"
    device.cache_clear()


def test_a_gpu_is_asked_for_its_free_memory(nvidia_smi: Path, monkeypatch: pytest.MonkeyPatch):
    assert device(Accelerator.auto) == Device("cuda", 40_000 * 2**20, bfloat16=True)
    device.cache_clear()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    device(Accelerator.gpu)
    assert "--id=1" in nvidia_smi.read_text().splitlines()[-1]


@pytest.mark.parametrize("visible", ["", "-1"])
def test_a_hidden_gpu_is_none(visible: str, nvidia_smi: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert device(Accelerator.auto).kind == "cpu" and not nvidia_smi.exists()


def test_a_torch_without_cuda_uses_none(nvidia_smi: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(available.metadata, "version", lambda package: "2.13.0+cpu")
    assert device(Accelerator.auto).kind == "cpu" and not nvidia_smi.exists()


def test_precision_and_device_are_what_torch_will_choose():
    from tiny_training import MACHINE

    from tunegrid.hardware import Precision
    from tunegrid.hardware.machine import device_of, precision_of

    automatic = replace(MACHINE, accelerator=Accelerator.auto, precision=Precision.auto)
    found = device(automatic.accelerator)
    assert found.kind == device_of(automatic).type
    assert found.precision(automatic) == precision_of(automatic)
