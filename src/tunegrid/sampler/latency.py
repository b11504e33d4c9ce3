"""What one more token of a single answer takes. Imports torch and transformers."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, cast

import torch
from transformers import GenerationConfig

from tunegrid.pack.pack import Pack
from tunegrid.pack.route import BASE, Share

PROMPT = 32
"""Tokens of the prompt."""
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds a token, by the name of the member; empty where nothing was measured."""

    own: Mapping[str, float] = field(default_factory=dict)
    base: float | None = None


def latencies(pack: Pack, tokens: int | None) -> Latencies:
    """Decode `tokens` tokens greedily, for each member and for the base in turn; medians of some rounds."""
    if tokens is None:
        return Latencies()
    names = [BASE, *(member.name for member in pack.members)]
    found: dict[str, list[float]] = {name: [] for name in names}
    with torch.inference_mode(), pack.generating():
        for _ in range(ROUNDS):
            for name in names:
                found[name].append(_seconds(pack, name, 1 + tokens) - _seconds(pack, name, 1))
    each = {name: max(0.0, median(seconds)) / tokens for name, seconds in found.items()}
    return Latencies({name: each[name] for name in names[1:]}, each[BASE])


def _seconds(pack: Pack, name: str, tokens: int) -> float:
    model = cast(Any, pack.base)
    plain = list(range(1, PROMPT + 1))
    prompt = plain if name == BASE else pack.own_prompt(name, plain)
    ids = torch.tensor([prompt], device=model.device)
    settings = GenerationConfig(do_sample=False, min_new_tokens=tokens, max_new_tokens=tokens, pad_token_id=0)
    if model.config.is_encoder_decoder:
        settings.decoder_start_token_id = model.config.decoder_start_token_id
    with pack.router.over(Share(name, 1)):
        start = time.perf_counter()
        model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=settings)
        if model.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start
