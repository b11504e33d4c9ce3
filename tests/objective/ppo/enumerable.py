"""A language model whose 9,331 responses can be counted out, so that the best policy is known exactly.

Vocabulary: padding, the end, six words. A response has at most five tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import torch
from tiny_models import full
from tiny_training import MACHINE, MemoryJournal
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedModel

from tunegrid.data.token_rows import PreparedData, TokenizedRows
from tunegrid.loss.token_distribution import log_distribution
from tunegrid.method import Method
from tunegrid.model.byte_tokenizer import byte_tokenizer
from tunegrid.model.split_attention import split
from tunegrid.objective import Trained
from tunegrid.objective.ppo import Ppo
from tunegrid.objective.ppo_module import PpoModule
from tunegrid.objective.ppo_training import policy_module
from tunegrid.objective.sft import Keep, Schedule
from tunegrid.pack.pack import Member, Pack
from tunegrid.reward import Judge, Reward

PAD, END, WORDS, LONGEST = 0, 1, range(2, 8), 5
WANTED = 2
"""The word that is rewarded."""
PROMPT = (END, 5)
HARDWARE = replace(MACHINE, tokens_per_pass=2048, generation_rows=64)
RESPONSES = [
    *((*words, END) for length in range(LONGEST) for words in product(WORDS, repeat=length)),
    *product(WORDS, repeat=LONGEST),
]
LENGTHS = torch.tensor([len(response) for response in RESPONSES])
TOKENS = torch.tensor([[*response, *[PAD] * (LONGEST - len(response))] for response in RESPONSES])
MASK = torch.arange(LONGEST)[None] < LENGTHS[:, None]
ENDED = torch.tensor([response[-1] == END for response in RESPONSES])
REWARDS = (TOKENS == WANTED).sum(1).double() - (~ENDED).double()
"""How often the wanted word is in a response, less 1 where it does not end."""


class CountWanted(Judge):
    def scores(self, prompts: Sequence[Tensor], responses: Sequence[Tensor]) -> list[float]:
        return [float((response == WANTED).sum()) for response in responses]


class Wanted(Reward):
    def fingerprint(self) -> str | None:
        return "wanted"

    def judge(self, tokenizer: Any, device: torch.device) -> Judge:
        return CountWanted()


def ppo(**changes: object) -> Ppo:
    """80 updates of 64 responses and four epochs, changed in some fields."""
    base = Ppo(
        steps=80,
        batch_size=64,
        epochs=4,
        minibatches=1,
        response_tokens=LONGEST,
        temperature=1.0,
        top_k=None,
        top_p=None,
        min_length=None,
        learning_rate=3e-3,
        value_learning_rate=3e-3,
        schedule=Schedule.linear,
        warmup_steps=0,
        weight_decay=0.0,
        clip_norm=1.0,
        clip_ratio=0.2,
        clip_value=0.2,
        discount=1.0,
        trace=0.95,
        entropy_weight=0.0,
        whiten_rewards=False,
        kl_coefficient=0.3,
        kl_target=None,
        kl_horizon=10_000,
        missing_end_penalty=1.0,
        stop_on=[],
        validate_every=1000,
        patience=None,
        keep=Keep.last,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


NARROW, WIDE = 0.02, 0.3
"""Deviation of the first weights. An adapter moves no embedding: between narrow ones it can't tell words far apart."""


@lru_cache
def _pretrained(spread: float) -> dict[str, Tensor]:
    """Weights after 300 steps on a random language of word pairs in which responses end."""
    draw = torch.Generator().manual_seed(0)
    chances = torch.zeros(8, 8)
    chances[1:, 2:] = torch.randn(7, 6, generator=draw).mul(0.7).softmax(1) * 0.8
    chances[1:, END] = 0.2
    torch.manual_seed(0)
    model = _model(spread)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(300):
        ids = torch.tensor([PROMPT]).repeat(64, 1)
        for _ in range(LONGEST):
            ids = torch.cat([ids, torch.multinomial(chances[ids[:, -1]], 1, generator=draw)], 1)
        loss = model(input_ids=ids, labels=ids).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.state_dict()


def _model(spread: float = NARROW) -> GPT2LMHeadModel:
    config = GPT2Config(
        initializer_range=spread,
        vocab_size=8,
        n_embd=32,
        n_layer=2,
        n_head=2,
        n_positions=32,
        attn_pdrop=0.1,
        resid_pdrop=0.1,
        embd_pdrop=0.1,
    )
    config.pad_token_id, config.eos_token_id, config.bos_token_id = PAD, END, END
    return GPT2LMHeadModel(config).eval()


def base(spread: float = NARROW) -> PreTrainedModel:
    """The pretrained model, as new."""
    model = _model(spread)
    model.load_state_dict(_pretrained(spread))
    return split(model)


def pack(method: Method | None = None, seed: int = 0, spread: float = NARROW) -> Pack:
    """A pack of one cell on the pretrained model."""
    return Pack(base(spread), [Member("cell", method or full(), seed)], PAD, tokenizer=byte_tokenizer(False, 64))


def prompts(count: int = 64) -> PreparedData:
    """One prompt, over and over."""
    rows = TokenizedRows.of([(PROMPT, (END,))] * count)
    return PreparedData(rows, TokenizedRows.of([(PROMPT, (END,))] * 4), [], (END,), "fingerprint", ())


def module(method: Method | None = None, seed: int = 0, of: Pack | None = None, **changes: object) -> PpoModule:
    """A policy before its first step."""
    return policy_module(of or pack(method, seed), ppo(**changes), (END,), HARDWARE, CountWanted(), lambda *_: None)


def log_probabilities(model: PreTrainedModel, temperature: float = 1.0) -> Tensor:
    """(9331, 5) float64 of every token of every response; 0 behind its end. The model as it stands, adapters and all.

    transformers' own forward on whole padded rows: nothing of ours but the distribution.
    """
    ids = torch.cat([torch.tensor([PROMPT]).expand(len(TOKENS), -1), TOKENS], 1)
    logits = model(input_ids=ids).logits[:, len(PROMPT) - 1 : -1]
    found = log_distribution(logits, temperature, PAD).double().gather(2, TOKENS[:, :, None])[:, :, 0]
    return torch.where(MASK, found, 0)


@dataclass(frozen=True, slots=True)
class Exact:
    """What is known of a policy by counting out."""

    reward: float
    kl: float
    score: float
    """Of what the best policy gains over the reference, the share that this one gains."""
    total: float
    """Probability of all responses together."""


def exact(policy: Tensor, reference: Tensor, coefficient: float, rewards: Tensor = REWARDS) -> Exact:
    """Of log-probabilities (9331, 5): E[R], KL and the share of J* − J_ref, J* = β log Σ π_ref(y) exp(R(y) / β)."""
    log_p, log_ref = policy.sum(1), reference.sum(1)
    p = log_p.exp()
    reward, kl = float(p @ rewards), float(p @ (log_p - log_ref))
    best = coefficient * float((log_ref + rewards / coefficient).logsumexp(0))
    start = float(log_ref.exp() @ rewards)
    return Exact(reward, kl, (reward - coefficient * kl - start) / (best - start), float(p.sum()))


def in_generating_form(of: Pack, name: str = "cell") -> Any:
    """The pack's model so that transformers' own forward runs on padded rows of cell `name`."""
    from contextlib import contextmanager

    from tunegrid.pack.route import Share

    @contextmanager
    def block() -> Any:
        with of.generating(), of.router.over(Share(name, len(TOKENS))):
            yield of.base

    return block()


def learn(
    folder: Path, method: Method | None = None, seed: int = 0, spread: float = NARROW, **changes: object
) -> tuple[Pack, Trained, MemoryJournal]:
    """Train a policy by the whole objective."""
    own, journal, objective = pack(method, seed, spread), MemoryJournal(folder / f"cell_{seed}"), ppo(**changes)
    (found,) = objective.train(own, [objective], prompts(), HARDWARE, [journal], lambda *_: None, Wanted())
    return own, found, journal


def judged(own: Pack, spread: float = NARROW, **changes: object) -> Exact:
    """Count out a trained pack's policy."""
    objective = ppo(**changes)
    with torch.no_grad():
        reference = log_probabilities(base(spread), objective.temperature)
        with in_generating_form(own) as model:
            policy = log_probabilities(model, objective.temperature)
    return exact(policy, reference, objective.kl_coefficient)
