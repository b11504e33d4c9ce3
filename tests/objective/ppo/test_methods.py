"""Every way to adapt a model as a policy: it starts as its own reference, takes a step, and values learn beside it."""

from math import isfinite

import pytest
import torch
from objective.ppo.enumerable import HARDWARE, PAD, CountWanted, ppo
from shipped import method_of
from tiny_models import gpt2, llama

from tunegrid.config import options
from tunegrid.model.byte_tokenizer import byte_tokenizer
from tunegrid.model.split_attention import split
from tunegrid.objective.experience import laid_out
from tunegrid.objective.ppo_training import policy_module
from tunegrid.pack.pack import Member, Pack

ONLY_GPT2 = ("bitfit",)
LEFT_OUT = {"qlora": "its base is in four bits", "base": "it trains nothing"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in options("method") if name not in LEFT_OUT])
def test_a_policy_of_every_method_takes_a_step(name: str) -> None:
    base = split(gpt2()) if name in ONLY_GPT2 else llama()
    pack = Pack(base, [Member("cell", method_of(name), 0)], PAD, tokenizer=byte_tokenizer(False, 64))
    made = policy_module(pack, ppo(learning_rate=1e-2), (2,), HARDWARE, CountWanted(), lambda *_: None)
    prompts = [torch.arange(5, 5 + length) for length in (1, 4, 2, 3)]
    experience = made.collect(prompts)
    mask = experience.judged.rollout.mask
    with torch.no_grad():
        pieces = made.actor.pieces("cell", experience.judged.rollout.rows(range(4)))
        new = laid_out([made.actor.likelihood("cell", piece).log_probabilities for piece in pieces], mask)
    assert float((new - experience.judged.rollout.log_probabilities)[mask].abs().max()) < 1e-4
    assert float((new - experience.judged.log_reference)[mask].abs().max()) < 1e-4
    before = {key: p.detach().clone() for key, p in made.state.parameters.items()}
    row = made.learn(experience)
    assert all(map(isfinite, row.values())) and row["grad_norm"] > 0 and row["value_grad_norm"] > 0
    changed = [key for key, p in made.state.parameters.items() if not torch.equal(p, before[key])]
    assert any(key.startswith("value/") for key in changed) and any(not key.startswith("value/") for key in changed)
    assert float(made.collect(prompts).judged.positive_divergences().sum()) > 0
