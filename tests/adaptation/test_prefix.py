"""Prefixes against PEFT's own model, and what their placeholders must not do."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from adaptation.virtual_packs import beside_others, losses, losses_by_transformers, packed, prefix, prompt
from peft import PrefixTuningConfig, get_peft_model
from tiny_models import VOCABULARY, gpt2, llama
from torch import Tensor
from transformers import PreTrainedModel, Qwen3Config, Qwen3ForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

from tunegrid.adaptation import UnmergeableError
from tunegrid.adaptation.virtual_tokens import Learned, virtual_tokens_of
from tunegrid.errors import ConfigError
from tunegrid.method.prefix import Prefix
from tunegrid.pack.pack import Member, Pack

TOKENS, LAYERS = 5, 2


def qwen3() -> PreTrainedModel:
    """Its keys are normalised behind the projection, and a head is not the width over the heads."""
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=24, initializer_range=0.2,
    )  # fmt: skip
    return Qwen3ForCausalLM(config)


def rotated(model: PreTrainedModel, learned: Tensor) -> Tensor:
    """What a Llama makes of learned keys at positions 0 to n - 1, by transformers' own function; values stay."""
    n, size = len(learned), model.config.hidden_size // model.config.num_attention_heads
    split = learned.view(n, LAYERS, 2, -1, size).clone()
    cos, sin = LlamaRotaryEmbedding(model.config)(learned, torch.arange(n)[None])
    for layer in range(LAYERS):
        keys = split[:, layer, 0].transpose(0, 1)[None]  # (1, heads, n, size)
        split[:, layer, 0] = apply_rotary_pos_emb(keys, keys, cos, sin)[0][0].transpose(0, 1)
    return split.reshape(n, -1)


@pytest.mark.parametrize("make", [llama, gpt2])
def test_losses_in_a_pack_equal_those_of_pefts_own_model(make: Callable[[], PreTrainedModel]) -> None:
    pack = packed(make, **beside_others(one=prefix(TOKENS), two=prefix(3), three=prompt()))
    got = losses(pack)
    (learned,) = (p.detach() for p in pack.attached["one"].trainable().values())
    theirs = get_peft_model(make().eval(), PrefixTuningConfig(num_virtual_tokens=TOKENS, task_type="CAUSAL_LM"))
    weight = learned if make is gpt2 else rotated(pack.base, learned)
    theirs.prompt_encoder["default"].embedding.weight.data.copy_(weight)
    torch.testing.assert_close(got["one"], losses_by_transformers(theirs.eval()), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(got["base"], losses_by_transformers(make().eval()), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("mlp", [False, True])
@pytest.mark.parametrize("make", [llama, gpt2, qwen3])
def test_what_was_saved_gives_the_same_losses_in_peft(
    make: Callable[[], PreTrainedModel], mlp: bool, tmp_path: Path
) -> None:
    pack = packed(make, **beside_others(one=prefix(TOKENS, mlp)))
    pack.attached["one"].save(tmp_path)
    loaded = pack.attached["one"].adaptation.load(make().eval(), tmp_path)
    torch.testing.assert_close(losses(pack)["one"], losses_by_transformers(loaded), rtol=1e-5, atol=1e-4)


def test_nobody_reads_what_the_model_computes_at_placeholders() -> None:
    pack = packed(llama, one=prefix(TOKENS))
    before = losses(pack)["one"]
    elsewhere = Learned(torch.nn.Embedding(TOKENS, 64), torch.arange(TOKENS)[None])
    virtual_tokens_of(pack.adapted).embeddings["one"] = elsewhere
    assert torch.equal(losses(pack)["one"], before)
    virtual_tokens_of(pack.adapted).keys_values["one"].embedding_weight.data.mul_(2)
    assert not torch.equal(losses(pack)["one"], before)


@pytest.mark.parametrize(("make", "width"), [(llama, 32), (gpt2, 64)])
def test_trainable_parameters_are_those_of_the_closed_form(make: Callable[[], PreTrainedModel], width: int) -> None:
    pack = packed(make, plain=prefix(TOKENS), mlp=prefix(TOKENS, mlp=True, hidden=10))
    plain, mlp = (sum(p.numel() for p in pack.trainable(member).values()) for member in pack.members)
    assert plain == TOKENS * 2 * LAYERS * width
    assert mlp == TOKENS * width + (width * 10 + 10) + (10 + 1) * 2 * LAYERS * width


def test_routing_twice_changes_nothing() -> None:
    pack = packed(llama, **beside_others(one=prefix()))
    before = losses(pack)
    for attached in pack.attached.values():
        attached.adaptation.route(pack.adapted, pack.router)
    assert all(torch.equal(before[name], after) for name, after in losses(pack).items())
    hooks = [m for m in pack.adapted.modules() if any(h.func.__name__ == "_with_prefixes" for h in partials(m))]
    assert len(hooks) == 2 * LAYERS and all(len(partials(m)) == 1 for m in hooks)


def partials(module: torch.nn.Module) -> list:
    return [hook for hook in module._forward_hooks.values() if hasattr(hook, "func")]


def test_a_model_with_fused_projections_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"this model has them fused with the queries; .* method=prompt_tuning"):
        Pack(gpt2(), [Member("one", prefix(), 0)], 0)


def test_a_model_that_scales_keys_cannot_share_a_saved_prefix(tmp_path: Path) -> None:
    def scaling() -> PreTrainedModel:
        model = qwen3()
        torch.nn.init.uniform_(model.get_submodule("model.layers.1.self_attn.k_norm").weight, 0.5, 1.5)
        return model

    pack = packed(scaling, one=prefix())
    pack.attached["one"].save(tmp_path)
    with pytest.raises(ConfigError, match=r"does more to keys than turn them .* load it with PEFT"):
        Pack(scaling(), [Member("again", prefix(), 0, saved=tmp_path)], 0)


def test_a_prefix_does_not_merge() -> None:
    pack = packed(llama, one=prefix())
    with pytest.raises(UnmergeableError, match=r"a prefix is more to attend to, .* export it unmerged"):
        pack.attached["one"].adaptation.merged(pack.adapted)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tokens": 0}, "method.tokens must be at least 1, got 0"),
        ({"hidden": 0, "mlp": True}, "method.hidden must be at least 1 or null, got 0"),
        ({"hidden": 8}, "method.hidden must be null with method.mlp=false, got 8"),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Prefix(**{"kind": "prefix", "tokens": 5, "mlp": False, "hidden": None, **values})  # type: ignore[arg-type]
