"""bitsandbytes' optimisers against torch's AdamW, and across a stop. Without a GPU nothing is paged."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from tiny_models import lora
from tiny_training import members, sft, train

from tunegrid.errors import ConfigError
from tunegrid.known_names import resolve_run
from tunegrid.objective.checkpoint import path_in
from tunegrid.objective.sft import Optimizer, Schedule
from tunegrid.sweep.grid import composed, without_hydra

WIDE = [lora(64), lora(64, alpha=8)]
"""A of 64 by 64, as many numbers as make bitsandbytes hold their means in 8 bits."""


@pytest.mark.parametrize(
    ("optimizer", "tolerance"), [(Optimizer.paged_adamw, 1e-5), (Optimizer.paged_adamw_8bit, 0.05)]
)
def test_it_trains_as_adamw_does(optimizer: Optimizer, tolerance: float, tmp_path: Path) -> None:
    plain = train(members(*WIDE), [sft(steps=8), sft(steps=5, weight_decay=0.1)], tmp_path / "plain")
    objectives = [sft(steps=8, optimizer=optimizer), sft(steps=5, weight_decay=0.1, optimizer=optimizer)]
    other = train(members(*WIDE), objectives, tmp_path / "other")
    for ours, theirs in zip(other.journals, plain.journals, strict=True):
        assert ours.column("loss") == pytest.approx(theirs.column("loss"), abs=tolerance)


@pytest.mark.parametrize("optimizer", [Optimizer.paged_adamw, Optimizer.paged_adamw_8bit])
def test_a_stopped_run_goes_on_bit_for_bit(optimizer: Optimizer, tmp_path: Path) -> None:
    objective = sft(steps=10, schedule=Schedule.constant, optimizer=optimizer)
    whole = train(members(*WIDE), [objective] * 2, tmp_path / "whole")
    train(members(*WIDE), [replace(objective, steps=5)] * 2, tmp_path / "parts")
    parts = train(members(*WIDE), [objective] * 2, tmp_path / "parts")
    for member in whole.pack.members:
        resumed = parts.pack.trainable(member)
        for name, parameter in whole.pack.trainable(member).items():
            assert torch.equal(resumed[name], parameter)


def test_means_in_8_bits_are_saved_as_such(tmp_path: Path) -> None:
    cells = members(WIDE[0])
    objective = sft(steps=2, warmup_steps=0, validate_every=2, optimizer=Optimizer.paged_adamw_8bit)
    train(cells, [objective], tmp_path)
    with safe_open(path_in(tmp_path / cells[0].name), framework="pt") as file:
        held = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    means = [tensor for key, tensor in held.items() if key.startswith("state1/") and tensor.numel() >= 4096]
    assert means
    assert all(tensor.dtype is torch.uint8 for tensor in means)


def test_divided_over_ranks_it_is_refused() -> None:
    overrides = ["hardware.strategy=fsdp", "hardware.devices=2", "objective.optimizer=paged_adamw"]
    with composed(overrides) as (loader, master):
        config = without_hydra(loader.load_sweep_config(master, overrides))
    with pytest.raises(ConfigError, match=r"hardware.strategy must be ddp or single for bitsandbytes' optimisers"):
        resolve_run(config)
