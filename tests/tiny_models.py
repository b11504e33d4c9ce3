"""Tiny models and packs that the tests of training share."""

import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    T5Config,
    T5ForConditionalGeneration,
)

from tunegrid.method import Weights
from tunegrid.method.full import Full
from tunegrid.method.lora import AlphaPolicy, Initialisation, Lora
from tunegrid.pack.batch import Row

VOCABULARY = 300


def llama(seed: int = 0, layers: int = 2, tied: bool = False) -> PreTrainedModel:
    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            initializer_range=0.2,
            tie_word_embeddings=tied,
        )
    )


def gpt2(seed: int = 0) -> PreTrainedModel:
    torch.manual_seed(seed)
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCABULARY, n_embd=64, n_layer=2, n_head=4, n_positions=128, initializer_range=0.2)
    )


def t5(seed: int = 0) -> PreTrainedModel:
    torch.manual_seed(seed)
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=VOCABULARY, d_model=64, d_kv=16, d_ff=96, num_layers=2, num_heads=4, decoder_start_token_id=0
        )
    )


def lora(rank: int, alpha: float = 32, dropout: float = 0.0, targets: tuple[str, ...] = ("query", "value")) -> Lora:
    return Lora(
        kind="lora",
        rank=rank,
        alpha=alpha,
        alpha_policy=AlphaPolicy.fixed,
        targets=list(targets),
        dropout=dropout,
        initialisation=Initialisation.kaiming,
        rate_ratio=1.0,
        code=None,
        double_quantisation=True,
    )


def full(weights: Weights = Weights.float32) -> Full:
    return Full(kind="full", weights=weights)


def random_rows(count: int, seed: int = 0, longest: int = 20) -> list[Row]:
    draw = torch.Generator().manual_seed(seed)

    def side() -> torch.Tensor:
        length = int(torch.randint(2, longest, (), generator=draw))
        return torch.randint(1, VOCABULARY, (length,), generator=draw)

    return [Row(side(), side()) for _ in range(count)]
