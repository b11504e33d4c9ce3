import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_training import MACHINE

from tunegrid.errors import ConfigError
from tunegrid.hardware import Accelerator, Strategy
from tunegrid.hardware.machine import check_devices, cores


@pytest.mark.parametrize(
    ("devices", "strategy", "words"),
    [
        (0, Strategy.single, "hardware.devices must be at least 1, got 0"),
        (2, Strategy.single, "hardware.strategy must be ddp or fsdp for 2 devices, got single"),
        (1, Strategy.ddp, "hardware.devices must be at least 2 for strategy ddp, got 1"),
        (1, Strategy.fsdp, "hardware.devices must be at least 2 for strategy fsdp, got 1"),
    ],
)
def test_devices_and_strategy_must_fit(devices: int, strategy: Strategy, words: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(words)}$"):
        replace(MACHINE, devices=devices, strategy=strategy)


@pytest.mark.parametrize("accelerator", [Accelerator.cpu, Accelerator.auto])
def test_more_processes_than_cores_are_refused(accelerator: Accelerator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    many = replace(MACHINE, accelerator=accelerator, devices=cores() + 1, strategy=Strategy.ddp)
    with pytest.raises(ConfigError, match=rf"hardware.devices must be at most {cores()}, the CPU cores .* got"):
        check_devices(many)


def test_more_gpus_than_there_are_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    check_devices(replace(MACHINE, accelerator=Accelerator.gpu, devices=2, strategy=Strategy.ddp))
    with pytest.raises(ConfigError, match=r"hardware.devices must be at most 2, the GPUs visible to torch, got 3"):
        check_devices(replace(MACHINE, accelerator=Accelerator.gpu, devices=3, strategy=Strategy.ddp))


def test_processes_are_counted_before_torch_is_imported_and_nothing_is_left(tmp_path: Path) -> None:
    arguments = ("model=tiny", "tracker=none", "hardware=cpu", "hardware.strategy=ddp", "hardware.devices=4096")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: hardware.devices must be at most") and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


WITHOUT_TORCH = """
import sys
from tunegrid.__main__ import main
code = main()
assert "torch" not in sys.modules
sys.exit(code)
"""
