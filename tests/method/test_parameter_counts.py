"""How much each method trains, against the formulas of the papers."""

from dataclasses import replace

import pytest
from shipped import method_of
from tiny_models import llama, lora
from transformers import LlamaConfig, LlamaForCausalLM

from tunegrid.method import Method
from tunegrid.pack.pack import Member, Pack

QUERY, VALUE = (64, 64), (64, 32)
"""Inputs and outputs of a projection of the tiny Llama, which has two layers."""
MLP = 96
COUNTS = {
    "lora": (("rank", 4), lambda i, o: 4 * (i + o)),
    "dora": (("rank", 4), lambda i, o: 4 * (i + o) + o),
    "adalora": (("initial_rank", 9), lambda i, o: 9 * (i + o + 1)),
    "vera": (("rank", 16), lambda i, o: o + 16),
    "loha": (("rank", 4), lambda i, o: 2 * 4 * (i + o)),
    "lokr": (("rank", 2), lambda i, o: 8 * 8 + 2 * (i // 8 + o // 8)),
    "oft": (("block_size", 16), lambda i, o: i // 16 * (16 * 15 // 2)),
    "boft": (("factors", 3), lambda i, o: 3 * (i // 8) * 8 * 8 + o),
    "fourierft": (("frequencies", 100), lambda i, o: 100),
    "miss": (("rank", 8), lambda i, o: 8 * o),
    "hra": (("rank", 6), lambda i, o: 6 * i),
    "randlora": (("rank", 8), lambda i, o: min(i, o) // 8 * (8 + min(i, o))),
    "road": (("group_size", 8), lambda i, o: o),
}
"""A setting, and what is trained in a layer of so many inputs and outputs."""


def trained(method: Method) -> int:
    pack = Pack(llama(), [Member("cell", method, 0)], 0)
    return sum(parameter.numel() for parameter in pack.trainable(pack.members[0]).values())


@pytest.mark.parametrize("option", COUNTS)
def test_trained_in_query_and_value_projections(option: str) -> None:
    (setting, value), formula = COUNTS[option]
    assert trained(replace(method_of(option), **{setting: value})) == 2 * (formula(*QUERY) + formula(*VALUE))


@pytest.mark.parametrize("feedforward", [False, True])
def test_ia3_trains_one_factor_for_each_scaled_feature(feedforward: bool) -> None:
    keys, values = VALUE[1], VALUE[1]
    assert trained(replace(method_of("ia3"), feedforward=feedforward)) == 2 * (keys + values + feedforward * MLP)


def test_vblora_shares_one_bank() -> None:
    """h b + Σ (d_in + d_out) r h / b, Li et al. 2024."""
    method = replace(method_of("vblora"), rank=2, vectors=10, vector_length=16)
    assert trained(method) == 10 * 16 + 2 * (64 + 64 + 64 + 32) * 2 * 10 // 16


def test_lora_on_a_512_by_64_matrix_trains_86_percent_less() -> None:
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=8, hidden_size=64, intermediate_size=512, num_hidden_layers=1, num_attention_heads=4)
    )
    pack = Pack(model, [Member("cell", lora(8, targets=("up_proj",)), 0)], 0)
    count = sum(parameter.numel() for parameter in pack.trainable(pack.members[0]).values())
    assert count == 4_608
    assert round(100 * (1 - count / (512 * 64))) == 86
