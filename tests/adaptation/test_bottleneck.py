"""Bottleneck adapters against their formula, and beside other adapters on the same projection."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from shipped import method_of
from tiny_models import gpt2, llama, t5
from tiny_training import members, sft, train

from tunegrid.method.adapter import Activation, Adapter, Placement
from tunegrid.pack.pack import Pack
from tunegrid.pack.route import Share


def adapter(placement: Placement, bottleneck: int = 8) -> Adapter:
    method = method_of("adapter")
    assert isinstance(method, Adapter)
    return replace(method, placement=placement, bottleneck=bottleneck, activation=Activation.relu)


@pytest.mark.parametrize(("make", "attentions"), [(llama, 2), (gpt2, 2), (t5, 6)])
@pytest.mark.parametrize("placement", Placement)
def test_parameters_in_closed_form(make, attentions: int, placement: Placement) -> None:
    """2 m d + m + d behind every attention and every MLP, or every MLP; T5 has cross-attention too."""
    pack = Pack(make(), members(adapter(placement)), 0)
    mlps = 4 if make is t5 else 2
    places = mlps + (attentions if placement is Placement.houlsby else 0)
    counted = sum(p.numel() for p in pack.trainable(pack.members[0]).values())
    assert counted == places * (2 * 8 * 64 + 8 + 64)


def test_a_projection_is_followed_by_the_formula() -> None:
    pack = Pack(llama(), members(adapter(Placement.pfeiffer)), 0)
    name, projection = pack.members[0].name, pack.base.model.layers[1].mlp.down_proj
    torch.manual_seed(1)
    own = {key.rpartition(".")[2]: p for key, p in pack.trainable(pack.members[0]).items() if ".1.mlp." in key}
    with torch.no_grad():
        for parameter in own.values():
            parameter.normal_()
        x = torch.randn(1, 5, projection.in_features)
        hidden = x @ projection.weight.T
        low = torch.relu(hidden @ own["down"].T + own["down_bias"])
        wanted = hidden + low @ own["up"].T + own["up_bias"]
        with pack.router.over(Share(name, 3), Share("another", 2)):
            got = projection(x)
    torch.testing.assert_close(got[:, :3], wanted[:, :3])
    torch.testing.assert_close(got[:, 3:], hidden[:, 3:])


@pytest.mark.parametrize("other", ["dora", "lora"])
def test_beside_another_adapter_on_the_same_projection_each_is_alone(other: str, tmp_path: Path) -> None:
    of = members(adapter(Placement.houlsby), replace(method_of(other), targets=["all-linear"]), seeds=[1, 2])
    objectives = [sft(steps=4)] * 2
    together = train(of, objectives, tmp_path / "together")
    reversed_order = train(of[::-1], objectives, tmp_path / "reversed")
    for place in range(2):
        alone = train([of[place]], objectives[:1], tmp_path / f"{place}").journals[0].column("loss")
        assert together.journals[place].column("loss") == pytest.approx(alone, abs=1e-5)
        assert reversed_order.journals[1 - place].column("loss") == pytest.approx(alone, abs=1e-5)
