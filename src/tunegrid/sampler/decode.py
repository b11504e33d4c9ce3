"""Answers of all cells of a pack to all test prompts, decoded together. Imports torch and transformers."""

from collections.abc import Callable, Collection, Sequence
from itertools import groupby
from typing import Any, cast

import torch
from torch import Tensor
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    NoRepeatNGramLogitsProcessor,
    PreTrainedTokenizerBase,
)

from tunegrid.data.tokenized import PreparedData, Question
from tunegrid.pack.pack import Pack
from tunegrid.pack.route import Share
from tunegrid.sampler import Decoder

Job = tuple[int, tuple[int, ...]]
"""A member of the pack and a prompt as it has it, behind its virtual tokens."""


def decode(
    sampler: Decoder,
    pack: Pack,
    data: PreparedData,
    tokenizer: PreTrainedTokenizerBase,
    rows_at_once: int,
    report: Callable[[int, int, str], None],
    silent: Collection[int] = (),
) -> list[list[str]]:
    """The answer of each member of `pack` (outer list) to each test question (inner list), without special tokens.

    Members whose places are in `silent` are not asked; their inner list is empty.
    Each distinct prompt is decoded once for each member, with a key-value cache. A batch is filled with one member's
    prompts after another's, long ones first: a member that rambles (the untrained base) keeps its own batches long, not
    all of them. `rows_at_once` counts sequences (prompts × beams).
    """
    asked = [
        [] if place in silent else [(place, tuple(_own_prompt(pack, member.name, q))) for q in data.questions]
        for place, member in enumerate(pack.members)
    ]
    jobs = [job for own in asked for job in sorted(set(own), key=lambda job: len(job[1]), reverse=True)]
    answers = decode_jobs(sampler, pack, jobs, tokenizer, data.stop_ids, rows_at_once, report)
    return [[answers[job] for job in own] for own in asked]


def _own_prompt(pack: Pack, name: str, question: Question) -> list[int]:
    return pack.own_prompt(name, question.prompt_ids, pack.place_of(question.task))


def decode_jobs(
    sampler: Decoder,
    pack: Pack,
    jobs: Sequence[Job],
    tokenizer: PreTrainedTokenizerBase,
    stop_ids: tuple[int, ...],
    rows_at_once: int,
    report: Callable[[int, int, str], None],
) -> dict[Job, str]:
    """The answer to each of some distinct jobs; those of a member stand together."""
    size = max(1, rows_at_once // sampler.rows_per_prompt())
    answers: dict[Job, str] = {}
    with torch.inference_mode(), pack.generating():
        for start in range(0, len(jobs), size):
            batch = jobs[start : start + size]
            answers |= dict(zip(batch, _decode_batch(sampler, pack, batch, tokenizer, stop_ids), strict=True))
            report(len(answers), len(jobs), "")
    return answers


def _decode_batch(
    sampler: Decoder, pack: Pack, batch: Sequence[Job], tokenizer: PreTrainedTokenizerBase, stop_ids: tuple[int, ...]
) -> list[str]:
    model, pad = cast(Any, pack.base), tokenizer.pad_token_id  # transformers' own types hide `generate`
    prompts = [list(prompt) for _, prompt in batch]
    longest = max(map(len, prompts))
    ids = torch.tensor([[pad] * (longest - len(p)) + p for p in prompts], device=model.device)
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=model.device)
    shares = [
        Share(pack.members[member].name, len(list(rows))) for member, rows in groupby(batch, key=lambda job: job[0])
    ]
    settings = sampler.settings()
    settings.eos_token_id, settings.pad_token_id = list(stop_ids), pad
    start = longest
    if model.config.is_encoder_decoder:
        settings.decoder_start_token_id, start = model.config.decoder_start_token_id, 1
    with pack.router.over(*shares):
        whole = model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=settings,
            logits_processor=_rules(sampler, start),
        )
    return [text.strip() for text in tokenizer.batch_decode(whole[:, start:], skip_special_tokens=True)]


def _rules(sampler: Decoder, start: int) -> LogitsProcessorList:
    size = sampler.no_repeat()
    return LogitsProcessorList([] if size is None else [_NoRepeatInAnswer(size, start)])


class _NoRepeatInAnswer(LogitsProcessor):
    """Forbids repeated n-grams within the answer; transformers' own rule would also forbid quoting the prompt."""

    def __init__(self, size: int, start: int):
        self.rule, self.start = NoRepeatNGramLogitsProcessor(size), start

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return self.rule(input_ids[:, self.start :], scores)
