import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

from tunegrid.model.fuse_adapter import LoraPair, fuse_adapter, fuse_pairs, fused_alpha
from tunegrid.model.split_attention import split

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
TOKENS = torch.arange(12).reshape(2, 6) * 7 % 90


def _gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=90, n_embd=32, n_layer=2, n_head=4, n_positions=16)).eval()


@pytest.mark.parametrize("rslora", [False, True])
@pytest.mark.parametrize("targets", [["q_proj", "v_proj"], ["k_proj"], ["q_proj", "k_proj", "v_proj"]])
def test_peft_loads_the_fused_adapter_on_an_unchanged_gpt2(rslora: bool, targets: list[str], tmp_path: Path) -> None:
    settings = LoraConfig(
        r=4, lora_alpha=24, use_rslora=rslora, target_modules=targets, init_lora_weights=False, task_type="CAUSAL_LM"
    )
    separate = get_peft_model(split(_gpt2()), settings).eval()
    expected = separate(TOKENS).logits
    separate.save_pretrained(tmp_path / "separate")

    fused = fuse_adapter(load_file(tmp_path / "separate/adapter_model.safetensors"), 4, 24, rslora)
    assert fused.rank == 4 * len(targets)
    folder = tmp_path / "fused"
    LoraConfig(
        r=fused.rank,
        lora_alpha=fused.alpha,
        use_rslora=rslora,
        target_modules=["c_attn"],
        fan_in_fan_out=True,
        task_type="CAUSAL_LM",
    ).save_pretrained(folder)
    save_file(fused.state, folder / "adapter_model.safetensors")
    assert json.loads((folder / "adapter_config.json").read_text())["r"] == fused.rank

    loaded = PeftModel.from_pretrained(_gpt2(), folder).eval()
    assert (loaded(TOKENS).logits - expected).abs().max() <= 1e-5
    assert (loaded(TOKENS).logits - _gpt2()(TOKENS).logits).abs().max() > 1e-3


def test_blocks_by_hand() -> None:
    query = LoraPair(a=torch.tensor([[1.0, 2.0]]), b=torch.tensor([[3.0], [4.0]]))
    value = LoraPair(a=torch.tensor([[5.0, 6.0]]), b=torch.tensor([[7.0], [8.0]]))
    pair = fuse_pairs({"v_proj": value, "q_proj": query})
    change = torch.tensor([[3.0, 6.0], [4.0, 8.0], [0, 0], [0, 0], [35.0, 42.0], [40.0, 48.0]])
    assert torch.equal(pair.b @ pair.a, change)


def test_alpha_keeps_the_scaling() -> None:
    assert fused_alpha(32, 4, 8, rslora=False) / 8 == 32 / 4
    assert fused_alpha(32, 4, 8, rslora=True) / 8**0.5 == pytest.approx(32 / 4**0.5, rel=1e-15)


def test_what_peft_cannot_express_is_refused() -> None:
    key = "base_model.model.transformer.h.{}.attn.c_attn.{}.lora_{}.weight"
    a, b = torch.zeros(1, 2), torch.zeros(2, 1)
    uneven = {key.format(0, "q_proj", "A"): a, key.format(0, "q_proj", "B"): b}
    uneven |= {key.format(1, "v_proj", "A"): a, key.format(1, "v_proj", "B"): b}
    with pytest.raises(ValueError, match=r"every layer must adapt the same projections"):
        fuse_adapter(uneven, 1, 1, False)
    with pytest.raises(ValueError, match=r"mlp.c_fc.lora_A.weight is no LoRA weight of a split c_attn"):
        fuse_adapter({"base_model.model.transformer.h.0.mlp.c_fc.lora_A.weight": a}, 1, 1, False)
