"""Float32 copies of weights that the model holds in bfloat16."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from tiny_models import full, llama
from tiny_training import members, sft, train
from torch import Tensor
from torch.nn import Parameter

from tunegrid.method import Weights
from tunegrid.objective.checkpoint import path_in
from tunegrid.objective.master_weights import MasterWeights


def test_gradients_of_several_passes_add_up_in_float32() -> None:
    weight = Parameter(torch.ones(3, dtype=torch.bfloat16))
    masters = MasterWeights.of({"weight": weight})
    steps = [torch.tensor([1.0, 256.0, 1.0]), torch.tensor([2**-9, 1.0, 3.0])]
    for step in steps:
        (weight * step.bfloat16()).sum().backward()
    assert weight.grad is None
    gradient = masters.parameters["weight"].grad
    assert gradient is not None and gradient.dtype is torch.float32
    assert gradient.tolist() == [1 + 2**-9, 257.0, 4.0]  # in bfloat16: 1, 256, 4


def test_a_float32_parameter_is_its_own_master() -> None:
    weight = Parameter(torch.ones(3))
    masters = MasterWeights.of({"weight": weight})
    assert masters.parameters["weight"] is weight and not masters.copied


def test_steps_too_small_for_bfloat16_add_up() -> None:
    weight = Parameter(torch.ones(1, dtype=torch.bfloat16))
    masters = MasterWeights.of({"weight": weight})
    optimizer = torch.optim.SGD(masters.parameters.values(), lr=2**-10)  # a quarter of what 1.0 can be changed by
    seen = []
    for _ in range(8):
        optimizer.zero_grad()
        weight.sum().backward()
        optimizer.step()
        masters.publish()
        seen.append(float(weight.detach()))
    assert seen[-1] == 1 - 8 * 2**-10
    assert len(set(seen)) < 8


def losses(weights: Weights, dtype: torch.dtype, folder: Path) -> tuple[list[float], dict[str, Tensor], Tensor]:
    outcome = train(members(full(weights)), [sft(clip_norm=None)], folder, base=llama().to(dtype))
    saved = load_file(path_in(folder / outcome.pack.members[0].name))
    held = dict(outcome.pack.base.named_parameters())["model.norm.weight"].detach()
    return outcome.journals[0].column("loss"), saved, held


def test_training_keeps_masters_in_the_checkpoint_and_their_rounding_in_the_model(tmp_path: Path) -> None:
    low, saved, held = losses(Weights.hardware, torch.bfloat16, tmp_path / "low")
    high, exact, _ = losses(Weights.float32, torch.float32, tmp_path / "high")
    assert all(tensor.dtype is torch.float32 for name, tensor in saved.items() if name.startswith("weight/"))
    assert held.dtype is torch.bfloat16
    assert torch.equal(held, saved["weight/model.norm.weight"].bfloat16())
    assert max(abs(a - b) for a, b in zip(low, high, strict=True)) < 0.05 * max(high)
    moved = exact["weight/model.norm.weight"] - 1
    torch.testing.assert_close(saved["weight/model.norm.weight"] - 1, moved, rtol=0.2, atol=2e-3)


def test_both_ways_are_the_same_on_a_float32_model(tmp_path: Path) -> None:
    one, other = (losses(weights, torch.float32, tmp_path / weights.value) for weights in Weights)
    assert one[0] == other[0]
    assert all(torch.equal(tensor, other[1][name]) for name, tensor in one[1].items())
