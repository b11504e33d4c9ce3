"""AdaLoRA's budget and penalty."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from shipped import method_of
from tiny_models import llama
from tiny_training import members, sft, train

from tunegrid.errors import ConfigError
from tunegrid.method.adalora import Adalora
from tunegrid.pack.pack import Member, Pack


def adalora(**changes: object) -> Adalora:
    method = method_of("adalora")
    assert isinstance(method, Adalora)
    return replace(method, steps=20, interval=3, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [1, 3])
def test_the_budget_is_spent_at_the_end(target: int, tmp_path: Path) -> None:
    """Four projections of a rank each: so many entries of Λ are left, wherever they matter most."""
    outcome = train(members(adalora(initial_rank=6, target_rank=target)), [sft(learning_rate=1e-2)], tmp_path)
    own = outcome.pack.trainable(outcome.pack.members[0])
    left = [int((p != 0).sum()) for key, p in own.items() if key.endswith("lora_E")]
    assert sum(left) == 4 * target
    attached = outcome.pack.attached[outcome.pack.members[0].name]
    assert attached.findings() == {"mean_rank": target}


def test_the_penalty_is_the_mean_departure_from_orthogonality() -> None:
    pack = Pack(llama(), [Member("cell", adalora(orthogonality=0.5), 0)], 0)
    own = {key: p.detach().numpy() for key, p in pack.trainable(pack.members[0]).items()}
    rows = [m for key, m in own.items() if key.endswith("lora_A")]
    rows += [m.T for key, m in own.items() if key.endswith("lora_B")]
    wanted = np.mean([np.linalg.norm(m @ m.T - np.eye(len(m))) for m in rows])
    assert pack.attached["cell"].penalty().item() == pytest.approx(0.5 * wanted, rel=1e-5)


def test_masks_follow_the_weights_that_are_saved(tmp_path: Path) -> None:
    """Also where the last allocation was for others, as with the best of several validations."""
    outcome = train(members(adalora(initial_rank=6, target_rank=2)), [sft(learning_rate=1e-2)], tmp_path)
    attached = outcome.pack.attached[outcome.pack.members[0].name]
    with torch.no_grad():
        for key, parameter in attached.trainable().items():
            if key.endswith("lora_E"):
                parameter.fill_(0.5)
    attached.save(tmp_path / "adapter")
    loaded = attached.adaptation.load(llama(), tmp_path / "adapter")
    ranks = [p.shape[0] for key, p in loaded.named_parameters() if ".lora_E." in key]
    assert ranks == [6] * 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"initial_rank": 8}, "method.initial_rank must be above method.target_rank, 8, got 8"),
        ({"final_share": 0.9}, "method.final_share must leave a step for the budget to shrink of the 20"),
        ({"sensitivity_decay": 1.0}, "method.sensitivity_decay must be above 0 and below 1, got 1"),
    ],
)
def test_values_out_of_range_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        adalora(**change)
