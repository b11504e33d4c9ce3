"""Diff pruning: the penalty closes gates, what is saved is what is left."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from shipped import method_of
from tiny_training import members, sft, train

from tunegrid.adaptation.sparse_difference import FILE
from tunegrid.method.diff_pruning import DiffPruning
from tunegrid.pack.pack import Pack


def trained(folder: Path, strength: float, structured: bool = True) -> Pack:
    method = method_of("diff_pruning")
    assert isinstance(method, DiffPruning)
    targets = ["query", "value"]
    of = members(replace(method, log_odds=1.0, strength=strength, structured=structured, targets=targets))
    return train(of, [sft(steps=40, learning_rate=2e-3, validate_every=40)], folder).pack


def findings(pack: Pack) -> dict[str, float]:
    return pack.attached[pack.members[0].name].findings()


def test_a_stronger_penalty_leaves_a_sparser_difference(tmp_path: Path) -> None:
    weak, strong = (findings(trained(tmp_path / f"{s}", s))["sparsity"] for s in (0.0, 100.0))
    assert strong > 0.9 > weak + 0.3


@pytest.mark.parametrize("structured", [False, True])
def test_only_what_is_not_zero_is_saved(structured: bool, tmp_path: Path) -> None:
    pack = trained(tmp_path, 20.0, structured)
    (tmp_path / "adapter").mkdir()
    pack.attached[pack.members[0].name].save(tmp_path / "adapter")
    saved = load_file(tmp_path / "adapter" / FILE)
    values = torch.cat([tensor for name, tensor in saved.items() if name.endswith(".values")])
    weights = sum(module.weight.numel() for module in pack.base.modules() if hasattr(module, "difference"))
    assert (values != 0).all()
    assert len(values) == round(weights * (1 - findings(pack)["sparsity"]))


def test_gates_learn_at_a_rate_of_their_own(tmp_path: Path) -> None:
    method = replace(method_of("diff_pruning"), gate_rate_ratio=30.0, targets=["query"])
    pack = train(members(method), [sft(steps=1, learning_rate=1e-3, warmup_steps=0, weight_decay=0.0)], tmp_path).pack
    trained = pack.trainable(pack.members[0])
    moved = {key: (p.detach() - (method.log_odds if "gate" in key else 0.0)).abs().max() for key, p in trained.items()}
    for key, largest in moved.items():  # Adam's first step is as long as the rate
        assert largest == pytest.approx(3e-2 if "gate" in key else 1e-3, rel=0.1), key


def test_two_numbers_a_weight_and_one_a_matrix_are_trained() -> None:
    from tiny_models import llama

    pack = Pack(llama(), members(replace(method_of("diff_pruning"), targets=["query", "value"])), 0)
    weights = 2 * (64 * 64 + 64 * 32)  # two layers, queries and the two key heads' values
    assert sum(p.numel() for p in pack.trainable(pack.members[0]).values()) == 2 * weights + 4
