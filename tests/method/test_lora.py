import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from shipped import method_of
from tiny_models import gpt2, llama, lora, t5
from tiny_training import members, sft, train
from transformers import PreTrainedModel

from tunegrid.errors import ConfigError
from tunegrid.method.lora import AlphaPolicy, Initialisation
from tunegrid.model.quantisation import Code
from tunegrid.model.split_attention import split
from tunegrid.pack.pack import Member, Pack

IDS = torch.tensor([[5, 9, 17, 3, 88, 120]])


def logits(model: PreTrainedModel) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=IDS).logits


@pytest.mark.parametrize("make", [llama, gpt2])
@pytest.mark.parametrize("policy", AlphaPolicy)
@pytest.mark.parametrize("start", [Initialisation.kaiming, Initialisation.pissa, Initialisation.olora])
def test_peft_reads_the_saved_adapter_on_the_unchanged_model(
    make: Callable[[], PreTrainedModel], policy: AlphaPolicy, start: Initialisation, tmp_path: Path
) -> None:
    method = replace(lora(4, alpha=6), alpha_policy=policy, initialisation=start)
    pack = Pack(split(make()), [Member("other", lora(2), 0), Member("cell", method, 1)], 0)
    torch.manual_seed(3)
    for parameter in pack.trainable(pack.members[1]).values():
        torch.nn.init.normal_(parameter, std=0.1)
    pack.attached["cell"].save(tmp_path / "adapter")

    from tunegrid.pack.route import Share

    with pack.generating(), pack.router.over(Share("cell", 1)):
        wanted = logits(pack.base)
    loaded = PeftModel.from_pretrained(make(), str(tmp_path / "adapter"))
    torch.testing.assert_close(logits(loaded), wanted, rtol=1e-4, atol=1e-4)
    assert (logits(make()) - wanted).abs().max() > 0.01
    assert sorted(p.name for p in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


@pytest.mark.parametrize(
    ("policy", "wanted"), [(AlphaPolicy.fixed, 2.0), (AlphaPolicy.proportional, 32.0), (AlphaPolicy.rslora, 8.0)]
)
def test_scaling_by_policy_is_what_peft_uses(policy: AlphaPolicy, wanted: float) -> None:
    method = replace(lora(16, alpha=32), alpha_policy=policy)
    assert method.scaling() == wanted
    adapted = method.adaptation().attach(llama(), "cell")
    layer = next(m for m in adapted.modules() if isinstance(m, LoraLayer))
    assert layer.scaling["cell"] == pytest.approx(wanted)


def test_initial_values_follow_the_seed_and_start_from_the_base() -> None:
    normal = replace(lora(64), initialisation=Initialisation.normal)
    members = [Member("one", normal, 1), Member("twin", normal, 1), Member("other", normal, 2)]
    pack = Pack(llama(), members, 0)
    one, twin, other = (pack.trainable(member) for member in members)
    first = next(name for name in one if "lora_A" in name)
    assert torch.equal(one[first], twin[first])
    assert not torch.equal(one[first], other[first])
    assert float(one[first].detach().std()) == pytest.approx(1 / 64, rel=0.1)
    assert all(not p.any() for name, p in one.items() if "lora_B" in name)


def test_t5_is_adapted_in_encoder_decoder_and_cross_attention() -> None:
    pack = Pack(t5(), [Member("cell", lora(2), 0)], 0)
    layers = 2 + 2 + 2  # encoder, decoder, cross-attention of two layers each
    assert len(pack.trainable(pack.members[0])) == layers * 2 * 2


def test_an_unknown_target_lists_the_layers() -> None:
    with pytest.raises(ConfigError, match=r"method.targets: unknown layer 'q_pro'; did you mean q_proj; known: .*v_p"):
        lora(2, targets=("q_pro",)).adaptation().attach(llama(), "cell")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rank": -1}, "method.rank must be at least 1, got -1"),
        ({"alpha": 0.0}, "method.alpha must be above 0, got 0"),
        ({"dropout": 1.0}, "method.dropout must be at least 0 and below 1, got 1"),
        ({"targets": []}, "method.targets must name at least one layer"),
        ({"rate_ratio": 0.0}, "method.rate_ratio must be above 0, got 0"),
        ({"initialisation": Initialisation.loftq}, "method.initialisation must be another than loftq without a base"),
        (
            {"initialisation": Initialisation.pissa, "code": Code.nf4},
            "method.initialisation must be kaiming, normal, eva or loftq on a base in four bits, got pissa",
        ),
    ],
)
def test_values_out_of_range_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(lora(4), **change)  # type: ignore[arg-type]


def test_published_parameter_counts() -> None:
    """Hu et al. 2021: GPT-2 medium, q and v, r = 4: 24 · 4096 · r."""
    from transformers import GPT2Config, GPT2LMHeadModel

    with torch.device("meta"):
        medium = GPT2LMHeadModel(GPT2Config(n_embd=1024, n_layer=24, n_head=16))
    adaptation = lora(4).adaptation()
    adapted = adaptation.attach(split(medium), "cell")
    assert sum(p.numel() for p in adaptation.trainable(adapted, "cell").values()) == 24 * 4096 * 4 == 393_216


def test_settings_on_disk_are_those_of_the_cell(tmp_path: Path) -> None:
    pack = Pack(llama(), [Member("cell", lora(4, alpha=6), 0)], 0)
    pack.attached["cell"].save(tmp_path / "adapter")
    settings = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (settings["r"], settings["lora_alpha"], sorted(settings["target_modules"])) == (4, 6, ["q_proj", "v_proj"])


@pytest.mark.parametrize("start", [Initialisation.pissa, Initialisation.olora, Initialisation.eva])
def test_in_a_pack_a_lora_that_starts_elsewhere_is_the_one_alone(start: Initialisation, tmp_path: Path) -> None:
    method = replace(lora(4, dropout=0.1), initialisation=start)
    of, objectives = members(lora(2), method, method_of("dora")), [sft(steps=4)] * 3
    together = train(of, objectives, tmp_path / "together")
    for place in range(3):
        alone = train([of[place]], [objectives[place]], tmp_path / f"{place}")
        assert together.journals[place].column("loss") == pytest.approx(alone.journals[0].column("loss"), abs=1e-5)


@pytest.mark.parametrize("ratio", [1.0, 16.0])
def test_lora_plus_moves_b_so_many_times_as_far(ratio: float, tmp_path: Path) -> None:
    """AdamW's first step is the learning rate in every entry, as far as the gradient is above its epsilon."""
    method = replace(lora(4), initialisation=Initialisation.pissa, rate_ratio=ratio)
    before = {key: p.detach().clone() for key, p in trainable(Pack(llama(), members(method), 0)).items()}
    objective = sft(steps=1, warmup_steps=0, weight_decay=0.0, learning_rate=1e-3)
    after = trainable(train(members(method), [objective], tmp_path).pack)
    moved = {side: median_of(before, after, side) for side in ("lora_A", "lora_B")}
    assert moved["lora_A"] == pytest.approx(1e-3, rel=0.01)
    assert moved["lora_B"] == pytest.approx(ratio * 1e-3, rel=0.01)


def trainable(pack: Pack) -> dict[str, torch.nn.Parameter]:
    return pack.trainable(pack.members[0])


def median_of(before: dict[str, torch.Tensor], after: dict[str, torch.nn.Parameter], side: str) -> float:
    """How far the entries of A or B have moved."""
    return float(torch.cat([(after[k].detach() - v).abs().flatten() for k, v in before.items() if side in k]).median())


def test_a_lora_that_starts_elsewhere_is_saved_as_an_ordinary_one_of_twice_the_rank(tmp_path: Path) -> None:
    """Else PEFT would decompose the weights again to load it, and change them."""
    method = replace(lora(4, alpha=6), initialisation=Initialisation.pissa)
    Pack(llama(), [Member("cell", method, 0)], 0).attached["cell"].save(tmp_path / "adapter")
    settings = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (settings["r"], settings["lora_alpha"], settings["init_lora_weights"]) == (8, 12, True)
