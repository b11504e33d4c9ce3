from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel
from transformers.pytorch_utils import Conv1D

from tunegrid.model.split_attention import PARTS, SplitAttention, fuse, saved_as_published, split

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
TOKENS = torch.arange(12).reshape(2, 6) * 7 % 90


@pytest.fixture
def gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=90, n_embd=32, n_layer=2, n_head=4, n_positions=16)).eval()
    for block in model.transformer.h:
        torch.nn.init.normal_(block.attn.c_attn.bias)  # zero as GPT-2 initialises it
    return model


def test_outputs_and_parameter_count_stay_the_same(gpt2: GPT2LMHeadModel) -> None:
    before, count = gpt2(TOKENS).logits, sum(weight.numel() for weight in gpt2.parameters())
    split(gpt2)
    assert (gpt2(TOKENS).logits - before).abs().max() <= 1e-6
    assert sum(weight.numel() for weight in gpt2.parameters()) == count
    assert not any("c_attn.weight" in name for name, _ in gpt2.named_parameters())


def test_gradients_are_the_slices_of_the_fused_gradient(gpt2: GPT2LMHeadModel) -> None:
    gpt2(TOKENS, labels=TOKENS).loss.backward()
    fused = gpt2.transformer.h[0].attn.c_attn.weight.grad.clone()
    gpt2.zero_grad()
    split(gpt2)(TOKENS, labels=TOKENS).loss.backward()
    separate = gpt2.transformer.h[0].attn.c_attn
    gradient = torch.cat([getattr(separate, part).weight.grad.T for part in PARTS], dim=1)
    torch.testing.assert_close(gradient, fused, rtol=1e-5, atol=1e-7)


def test_fuse_undoes_split_bit_by_bit(gpt2: GPT2LMHeadModel) -> None:
    before = {name: weight.clone() for name, weight in gpt2.state_dict().items()}
    after = fuse(split(gpt2)).state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert isinstance(gpt2.transformer.h[0].attn.c_attn, Conv1D)


def test_weights_are_copies_with_the_original_precision_and_gradient_flag(gpt2: GPT2LMHeadModel) -> None:
    original = gpt2.to(torch.bfloat16).requires_grad_(False).transformer.h[0].attn.c_attn.weight
    split(gpt2)
    query = gpt2.transformer.h[0].attn.c_attn.q_proj.weight
    assert query.dtype == torch.bfloat16
    assert not query.requires_grad
    assert query.untyped_storage().data_ptr() != original.untyped_storage().data_ptr()
    assert query.untyped_storage().nbytes() == query.numel() * 2


def test_saved_as_published_loads_as_an_ordinary_gpt2(gpt2: GPT2LMHeadModel, tmp_path: Path) -> None:
    before = split(gpt2)(TOKENS).logits
    modules = [block.attn.c_attn for block in gpt2.transformer.h]
    with saved_as_published(gpt2) as whole:
        whole.save_pretrained(tmp_path)
    assert [block.attn.c_attn for block in gpt2.transformer.h] == modules  # the optimiser's parameters
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert (loaded(TOKENS).logits - before).abs().max() <= 1e-6


def test_a_merged_lora_fuses(gpt2: GPT2LMHeadModel) -> None:
    adapted = get_peft_model(split(gpt2), LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    assert sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad) == 2 * 2 * 4 * (32 + 32)
    expected = adapted(TOKENS).logits
    with pytest.raises(TypeError, match=r"q_proj is a Linear: merge or unload the adapter before fusing"):
        fuse(adapted.get_base_model())
    merged = fuse(adapted.merge_and_unload())
    assert (merged(TOKENS).logits - expected).abs().max() <= 1e-5


def test_other_models_and_cross_attention_are_left_alone() -> None:
    config = GPT2Config(vocab_size=90, n_embd=32, n_layer=1, n_head=4, add_cross_attention=True)
    model = split(GPT2LMHeadModel(config))
    assert isinstance(model.transformer.h[0].attn.c_attn, SplitAttention)
    assert isinstance(model.transformer.h[0].crossattention.c_attn, Conv1D)
