import json
import random
import struct
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cell.made_cells import flip, parts, room_for
from tiny_models import lora
from tiny_training import members, state
from torch import nn

from tunegrid.atomic import DiskFullError
from tunegrid.errors import DamagedError
from tunegrid.objective.cell_state import CellState
from tunegrid.objective.checkpoint import COUNTERS, MOMENTS, load_checkpoint, path_in, read_checkpoint, save_checkpoint

SIZES = [1_000 * number for number in range(30)]
"""In bytes; the checkpoints below are larger than the last of them."""


def in_training(seed: int) -> tuple[CellState, torch.optim.Optimizer]:
    """A state of random content, and its optimiser, after a step."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"matrix": (40, 50), "vector": (7,), "number": (), "half": (30,)}
    weights = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    weights["half"] = weights["half"].bfloat16()
    parameters = {name: nn.Parameter(value) for name, value in weights.items()}
    optimizer = torch.optim.AdamW(parameters.values())
    for parameter in parameters.values():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    made = state(members(lora(4))[0], parameters, step=seed, tokens=10 * seed, seconds=0.1 + 0.2)
    made.kept = {name: parameter.detach() + 1 for name, parameter in parameters.items()}
    made.validation = np.arange(20.0).reshape(10, 2) + seed
    return made, optimizer


def held(state: CellState, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Everything that a checkpoint brings back."""
    moments = {
        f"{moment}/{name}": optimizer.state[parameter][moment].tolist()
        for name, parameter in state.parameters.items()
        for moment in MOMENTS
        if moment in optimizer.state[parameter]
    }
    weights = {name: parameter.tolist() for name, parameter in state.parameters.items()}
    kept = {f"kept/{name}": value.tolist() for name, value in state.kept.items()}
    assert state.validation is not None
    counters = {name: getattr(state, name) for name in COUNTERS}
    return {**moments, **weights, **kept, **counters, "validation": state.validation.tolist()}


def test_a_checkpoint_brings_everything_back(tmp_path: Path):
    first, second = in_training(1), in_training(2)
    save_checkpoint(*first, tmp_path)
    assert first[0].lowest == inf and held(*second) != held(*first)
    assert load_checkpoint(*second, tmp_path)
    assert held(*second) == held(*first)


def test_without_a_checkpoint_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert not load_checkpoint(*in_training(1), tmp_path)
    assert capsys.readouterr().err == ""


def header_size(path: Path) -> int:
    """In bytes: the length in eight, and the JSON that it tells of."""
    return 8 + struct.unpack("<Q", path.read_bytes()[:8])[0]


def test_of_120_random_flips_and_cuts_all_are_found_and_none_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    chance, path = random.Random(0), path_in(tmp_path)
    save_checkpoint(*in_training(1), tmp_path)
    whole, header = path.read_bytes(), header_size(path)
    own = in_training(2)
    before = held(*own)
    for number in range(120):
        path.write_bytes(whole)
        if number % 3 == 0:
            path.write_bytes(whole[: chance.randrange(len(whole))])
        else:
            first, last = (0, header) if number % 3 == 1 else (header, len(whole))
            flip(path, chance.randrange(8 * first, 8 * last))
        assert not load_checkpoint(*own, tmp_path), number
        assert held(*own) == before, number
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 120
    assert all(line.startswith(f"{path}: not as it was written (") and "training starts anew" in line for line in said)


@pytest.mark.parametrize("spoil", [{"counters": "{}"}, {"sha256": "0"}, {}])
def test_a_checkpoint_whose_digest_does_not_belong_is_refused(spoil: dict[str, str], tmp_path: Path):
    """Well-formed files, as another program might write them."""
    from safetensors.torch import load_file, save_file

    save_checkpoint(*in_training(1), tmp_path)
    path = path_in(tmp_path)
    counters = json.dumps({name: 0 for name in COUNTERS})
    save_file(load_file(path), path, {"counters": counters, **spoil})
    with pytest.raises(DamagedError, match="not as it was written"):
        read_checkpoint(tmp_path)


def test_on_a_disk_that_is_full_at_30_sizes_the_checkpoint_before_loads(tmp_path: Path):
    first, second = in_training(1), in_training(2)
    save_checkpoint(*first, tmp_path)
    for size in SIZES:
        with room_for(size), pytest.raises(DiskFullError, match=r"state.safetensors: the disk is full") as caught:
            save_checkpoint(*second, tmp_path)
        assert str(caught.value).count("\n") == 0 and parts(tmp_path) == [], size
        loaded = in_training(3)
        assert load_checkpoint(*loaded, tmp_path) and held(*loaded) == held(*first), size
    assert path_in(tmp_path).stat().st_size > max(SIZES)
