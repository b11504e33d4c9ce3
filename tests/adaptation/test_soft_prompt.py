"""Prompts against PEFT's own model, closed forms, and the embeddings they begin as."""

from collections.abc import Callable

import pytest
import torch
from adaptation.virtual_packs import (
    BASE,
    beside_others,
    losses,
    losses_by_transformers,
    multitask,
    p_tuning,
    packed,
    prompt,
)
from peft import PromptTuningConfig, get_peft_model
from tiny_models import VOCABULARY, gpt2, llama, lora, t5
from tiny_training import members, sft, train
from torch.nn import ModuleDict
from transformers import BartConfig, BartForConditionalGeneration, PreTrainedModel

from tunegrid.adaptation import UnmergeableError
from tunegrid.adaptation.virtual_tokens import virtual_tokens_of
from tunegrid.method import Method
from tunegrid.method.p_tuning import Reparametrisation
from tunegrid.model.byte_tokenizer import byte_tokenizer
from tunegrid.pack.pack import Member, Pack

WIDTH = 64


def bart() -> PreTrainedModel:
    torch.manual_seed(0)
    config = BartConfig(
        vocab_size=VOCABULARY, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=64,
        scale_embedding=True, decoder_start_token_id=2, init_std=0.2,
    )  # fmt: skip
    return BartForConditionalGeneration(config)


@pytest.mark.parametrize("make", [llama, gpt2, t5, bart])
def test_losses_in_a_pack_equal_those_of_pefts_own_model(make: Callable[[], PreTrainedModel]) -> None:
    targets = ("q_proj", "v_proj") if make is bart else ("query", "value")
    pack = packed(make, narrow=lora(4, targets=targets), one=prompt(5), base=BASE, two=prompt(3))
    got = losses(pack)
    for name, tokens in (("one", 5), ("two", 3)):
        task = "SEQ_2_SEQ_LM" if pack.base.config.is_encoder_decoder else "CAUSAL_LM"
        settings = PromptTuningConfig(num_virtual_tokens=tokens, num_transformer_submodules=1, task_type=task)
        theirs = get_peft_model(make().eval(), settings)
        (vectors,) = pack.attached[name].trainable().values()
        theirs.prompt_encoder["default"].embedding.weight.data.copy_(vectors)
        torch.testing.assert_close(got[name], losses_by_transformers(theirs.eval()), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(got["base"], losses_by_transformers(make().eval()), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("method", "count"),
    [
        (prompt(5), 5 * WIDTH),
        (multitask(5, rank=2), 5 * WIDTH + 5 * 2 + 2 * WIDTH),
        (p_tuning(5, hidden=10), 5 * WIDTH + (WIDTH * 10 + 10) + (10 * 10 + 10) + (10 * WIDTH + WIDTH)),
        (
            p_tuning(5, Reparametrisation.lstm, hidden=10),
            5 * WIDTH
            + 2 * 4 * (10 * (WIDTH + 10) + 20)  # four gates in both directions, two biases each
            + 2 * 4 * (10 * (20 + 10) + 20)
            + (20 * 20 + 20)
            + (20 * WIDTH + WIDTH),
        ),
    ],
)
def test_trainable_parameters_are_those_of_the_closed_form(method: Method, count: int) -> None:
    pack = packed(llama, one=method)
    assert sum(p.numel() for p in pack.trainable(pack.members[0]).values()) == count
    assert pack.total_parameters(pack.members[0]) == sum(p.numel() for p in llama().parameters()) + count


def test_multitask_prompts_are_the_shared_one_times_the_tasks() -> None:
    pack = packed(llama, one=multitask(5, rank=2))
    own = pack.attached["one"].trainable()
    wanted = own["embedding_weight"] * (own["prefix_task_cols"][0] @ own["prefix_task_rows"][0])
    torch.testing.assert_close(virtual_tokens_of(pack.adapted).embeddings["one"](), wanted)


@pytest.mark.parametrize(("text", "ids"), [("ab", [67, 68, 67, 68, 67]), ("abcdefg", [67, 68, 69, 70, 71])])
def test_a_prompt_begins_as_its_text_repeated_or_cut(text: str, ids: list[int]) -> None:
    tokenizer = byte_tokenizer(end_appended=True, longest=64)
    assert tokenizer.convert_tokens_to_ids(["a", "b"]) == [67, 68]
    pack = Pack(llama(), [Member("one", prompt(5, text), 0)], 0, tokenizer=tokenizer)
    (vectors,) = pack.attached["one"].trainable().values()
    assert torch.equal(vectors, llama().get_input_embeddings().weight[ids])


def test_a_prompt_from_the_vocabulary_follows_the_seed() -> None:
    pack = Pack(llama(), [Member("one", prompt(), 3), Member("two", prompt(), 3), Member("three", prompt(), 4)], 0)
    one, two, three = (next(iter(pack.trainable(member).values())) for member in pack.members)
    assert torch.equal(one, two) and not torch.equal(one, three)
    table = llama().get_input_embeddings().weight
    assert all((table == vector).all(-1).any() for vector in (*one, *three))


@pytest.mark.parametrize("by", Reparametrisation)
def test_lora_on_all_linear_layers_leaves_a_prompts_network_alone(by: Reparametrisation) -> None:
    everywhere = lora(2, targets=("all-linear",))
    alone = packed(llama, wide=everywhere)
    together = packed(llama, one=p_tuning(by=by), wide=everywhere)
    assert together.attached["wide"].trainable().keys() == alone.attached["wide"].trainable().keys()


def test_prompts_of_a_bfloat16_model_are_trained_in_float32() -> None:
    pack = packed(lambda: llama().to(torch.bfloat16), **beside_others(one=prompt()))
    batch = losses(pack)
    assert all(part.isfinite().all() for part in batch.values())
    assert all(p.dtype is torch.float32 for p in pack.attached["one"].trainable().values())


def test_trained_tokens_are_the_rows_own(tmp_path) -> None:
    objectives = [sft(steps=2, validate_every=2)] * 2
    outcome = train(members(prompt(), lora(2), seeds=[3, 3]), objectives, tmp_path)
    assert outcome.trained[0].tokens == outcome.trained[1].tokens > 0


def test_a_prompt_does_not_merge() -> None:
    pack = packed(llama, one=prompt())
    with pytest.raises(UnmergeableError, match=r"a prompt is more input, .* export it unmerged"):
        pack.attached["one"].adaptation.merged(pack.adapted)


def test_routing_twice_changes_nothing() -> None:
    pack = packed(llama, **beside_others(one=prompt(), two=p_tuning()))
    before = losses(pack)
    for attached in pack.attached.values():
        attached.adaptation.route(pack.adapted, pack.router)
    assert all(torch.equal(before[name], after) for name, after in losses(pack).items())
    assert isinstance(virtual_tokens_of(pack.adapted).embeddings, ModuleDict)
