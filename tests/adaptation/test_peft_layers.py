"""PEFT's tuners, against their equations and against PEFT itself."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from shipped import METHODS, method_of
from tiny_models import gpt2, llama, lora
from torch import Tensor, nn

from tunegrid.adaptation.peft_layers import PeftLayers
from tunegrid.errors import ConfigError
from tunegrid.method import Method
from tunegrid.method.lora import Initialisation
from tunegrid.model.split_attention import split
from tunegrid.pack.pack import Member, Pack
from tunegrid.pack.route import Share

LAYERWISE = [
    option
    for option in METHODS
    if isinstance(method_of(option).adaptation(), PeftLayers) and method_of(option).quantisation() is None
]
IDS = torch.tensor([[5, 9, 17, 3, 88, 120]])


def disturbed(method: Method, others: list[Member], model: nn.Module) -> Pack:
    """A pack whose last cell's parameters have moved from where they start."""
    pack = Pack(model, [*others, Member("cell", method, 1)], 0)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in pack.trainable(pack.members[-1]).values():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
    return pack


def through(pack: Pack, name: str, layer: str, x: Tensor) -> Tensor:
    with torch.no_grad(), pack.router.over(Share("cell", len(x))):
        return pack.base.get_submodule(layer.format(name))(x)


def test_dora_scales_each_output_to_its_magnitude() -> None:
    pack = disturbed(replace(method_of("dora"), rank=3, alpha=6, dropout=0.0), [Member("other", lora(2), 0)], llama())
    own = {key.rpartition("layers.0.self_attn.q_proj.")[2]: p for key, p in pack.trainable(pack.members[-1]).items()}
    weight = llama().get_submodule("model.layers.0.self_attn.q_proj").weight
    direction = weight + 2 * own["lora_B"] @ own["lora_A"]
    changed = own["lora_magnitude_vector"][:, None] * direction / direction.norm(dim=1, keepdim=True)
    x = torch.randn(7, 64, generator=torch.Generator().manual_seed(0))
    made = through(pack, "cell", "model.layers.0.self_attn.q_proj", x)
    torch.testing.assert_close(made, (x @ changed.t()).detach(), rtol=1e-4, atol=1e-4)


def test_ia3_scales_keys_and_what_the_mlp_holds_inside() -> None:
    pack = disturbed(method_of("ia3"), [], llama())
    own = {key.rpartition("layers.0.")[2]: p for key, p in pack.trainable(pack.members[-1]).items()}
    plain = llama()
    x, inside = torch.randn(7, 64), torch.randn(7, 96)
    keys = plain.get_submodule("model.layers.0.self_attn.k_proj")(x) * own["self_attn.k_proj.ia3_l"][:, 0]
    down = plain.get_submodule("model.layers.0.mlp.down_proj")(inside * own["mlp.down_proj.ia3_l"][0])
    torch.testing.assert_close(through(pack, "cell", "model.layers.0.self_attn.k_proj", x), keys.detach())
    torch.testing.assert_close(through(pack, "cell", "model.layers.0.mlp.down_proj", inside), down.detach())


@pytest.mark.parametrize("option", LAYERWISE)
@pytest.mark.parametrize("make", [llama, gpt2])
def test_merged_into_the_weights_it_answers_the_same(option: str, make: type, tmp_path: Path) -> None:
    pack = disturbed(method_of(option), [], split(make()))
    with torch.no_grad(), pack.generating(), pack.router.over(Share("cell", 1)):
        wanted = pack.base(input_ids=IDS).logits
    attached = pack.attached["cell"]
    attached.save(tmp_path / "adapter")
    merged = attached.adaptation.merged(attached.adaptation.load(make(), tmp_path / "adapter"))
    assert merged.state_dict().keys() == make().state_dict().keys()
    with torch.no_grad():
        torch.testing.assert_close(merged.eval()(input_ids=IDS).logits, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("option", ["loha", "lokr", "oft", "miss", "hra", "road"])
def test_layers_that_peft_cannot_adapt_are_refused(option: str) -> None:
    with pytest.raises(ConfigError, match=r"method.targets: PEFT cannot adapt these layers in this way: .*Conv1D"):
        Pack(split(gpt2()), [Member("cell", replace(method_of(option), targets=["all-linear"]), 0)], 0)


def test_vb_loras_logits_are_as_much_faster_as_asked_for() -> None:
    pack = disturbed(replace(method_of("vblora"), logits_rate_ratio=7.0), [], llama())
    factor = pack.attached["cell"].adaptation.rate_factor
    assert {name.rpartition(".")[2]: factor(name) for name in pack.trainable(pack.members[-1])} == {
        "vblora_logits_A": 7.0,
        "vblora_logits_B": 7.0,
        "vblora_vector_bank": 1.0,
    }


@pytest.mark.parametrize("start", [Initialisation.pissa, Initialisation.olora])
def test_a_lora_that_starts_elsewhere_leaves_the_base_as_it_is(start: Initialisation) -> None:
    untouched = llama().state_dict()
    method = replace(lora(4), initialisation=start)
    pack = Pack(llama(), [Member("one", method, 0), Member("two", method, 1)], 0)
    for key, value in pack.base.state_dict().items():
        published = key.replace(".base_layer", "")
        assert published not in untouched or torch.equal(value, untouched[published])
    x = torch.randn(7, 64)
    plain = llama().get_submodule("model.layers.0.self_attn.q_proj")(x)
    with pack.router.over(Share("one", 3), Share("two", 4)):
        assert torch.equal(pack.base.get_submodule("model.layers.0.self_attn.q_proj")(x), plain)


def test_pissa_starts_at_the_best_approximation_of_the_weight() -> None:
    """What is left is as large as the smaller singular values (Eckart and Young 1936)."""
    pack = Pack(llama(), [Member("cell", replace(lora(4), initialisation=Initialisation.pissa), 0)], 0)
    own = {key.rpartition("layers.0.self_attn.q_proj.")[2]: p for key, p in pack.trainable(pack.members[0]).items()}
    weight = llama().get_submodule("model.layers.0.self_attn.q_proj").weight.detach()
    left = weight - 32 / 4 * (own["lora_B"] @ own["lora_A"]).detach()
    assert float(left.norm()) == pytest.approx(float(torch.linalg.svdvals(weight)[4:].norm()), rel=1e-4)
