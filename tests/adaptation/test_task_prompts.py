"""Prompts of several tasks, on rows tagged by hand: against PEFT's own model, and who learns from which rows."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from adaptation.virtual_packs import multitask
from peft import PeftModel
from tiny_models import gpt2, llama, lora, random_rows, t5
from tiny_training import MACHINE, MemoryJournal, sft
from torch import Tensor
from transformers import PreTrainedModel

from tunegrid.data.token_rows import PreparedData, Question, TokenizedRows
from tunegrid.errors import ConfigError
from tunegrid.model.byte_tokenizer import byte_tokenizer
from tunegrid.model.split_attention import split
from tunegrid.pack.batch import CellRows, Row
from tunegrid.pack.pack import Member, Pack
from tunegrid.sampler.decode import decode
from tunegrid.sampler.greedy import Greedy

TASKS = ("summaries", "names", "sums")
ROWS = [replace(row, task=task) for row, task in zip(random_rows(4), (0, 2, 2, 0), strict=True)]
"""None of `names`."""


def packed(make: Callable[[], PreTrainedModel], saved: Path | None = None) -> Pack:
    """A cell of three tasks beside a LoRA; every trainable number is drawn anew."""
    of = [Member("narrow", lora(2), 0), Member("tasks", multitask(5, rank=2), 1, saved)]
    pack = Pack(split(make()), of, 0, tasks=TASKS)
    torch.manual_seed(5)
    for member in of:
        for parameter in pack.trainable(member).values():
            torch.nn.init.normal_(parameter, std=0.3)
    return pack


def loss(pack: Pack) -> Tensor:
    """Summed nll of all rows of the cell, behind those of another."""
    cells = [CellRows(member.name, pack.own_rows(member.name, ROWS), None) for member in pack.members]
    batch = pack.forward.collate(cells)
    weights = torch.ones(len(batch.labels.ids))
    weights[: batch.labels.counts[0]] = 0
    with pack.router.over(*batch.shares):
        return pack.forward.losses(batch, weights, 0.0)[0]


def loss_by_peft(model: PeftModel, row: Row) -> Tensor:
    more = {"task_ids": torch.tensor([row.task])}
    if model.config.is_encoder_decoder:
        return model(input_ids=row.prompt[None], labels=row.completion[None], **more).loss * len(row.completion)
    ids = torch.cat([row.prompt, row.completion])[None]
    labels = ids.clone()
    labels[0, : len(row.prompt)] = -100
    return model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels, **more).loss * len(row.completion)


@pytest.mark.parametrize("make", [llama, gpt2, t5])
def test_saved_and_loaded_by_peft_each_row_is_behind_its_tasks_prompt(
    make: Callable[[], PreTrainedModel], tmp_path: Path
) -> None:
    pack = packed(make)
    attached = pack.attached["tasks"]
    attached.save(tmp_path)
    loaded = attached.adaptation.load(make().eval(), tmp_path).eval()
    assert isinstance(loaded, PeftModel)
    with torch.no_grad():
        wanted = torch.stack([loss_by_peft(loaded, row) for row in ROWS]).sum()
        torch.testing.assert_close(loss(pack), wanted, rtol=1e-5, atol=1e-3)
        swapped = torch.stack([loss_by_peft(loaded, replace(row, task=1)) for row in ROWS]).sum()
    assert (swapped - wanted).abs() > 0.1


def test_tasks_share_a_prompt_and_learn_their_own_factors_from_their_own_rows() -> None:
    pack = packed(llama)
    for parameter in pack.attached["tasks"].trainable().values():
        parameter.requires_grad_(True)
    loss(pack).backward()
    own = pack.attached["tasks"].trainable()
    assert own["embedding_weight"].shape == (5, 64) and own["prefix_task_rows"].shape == (3, 2, 64)
    assert own["embedding_weight"].grad.abs().min() > 0
    for factor in ("prefix_task_cols", "prefix_task_rows"):
        moved = own[factor].grad.abs().sum((1, 2))
        assert moved[0] > 0 and moved[1] == 0 and moved[2] > 0


def test_a_question_is_asked_behind_its_tasks_prompt() -> None:
    pack = packed(llama)
    asked = [Question(str(i), "", [7, 8, 9], ["a"], task) for i, task in enumerate((*TASKS, "names"))]
    rows = TokenizedRows.of([([1], [2])])
    data = PreparedData(rows, rows, asked, (299,), "", (), TASKS)
    tokenizer = byte_tokenizer(end_appended=False, longest=512)
    narrow, tasks = decode(Greedy(max_new_tokens=12), pack, data, tokenizer, 8, lambda *_: None)
    assert len(set(narrow)) == 1
    assert len(set(tasks[:3])) == 3 and tasks[1] == tasks[3]


def test_training_takes_each_rows_task_from_the_data(tmp_path: Path) -> None:
    pack = packed(llama)
    before = pack.attached["tasks"].trainable()["prefix_task_cols"].detach().clone()
    rows = TokenizedRows.of([(row.prompt.tolist(), row.completion.tolist()) for row in ROWS], [1] * len(ROWS))
    data = PreparedData(rows, rows, [], (0,), "fingerprint", (), TASKS)
    objective = sft(steps=2, warmup_steps=0, weight_decay=0.0)
    journals = [MemoryJournal(tmp_path / member.name) for member in pack.members]
    objective.train(pack, [objective] * 2, data, MACHINE, journals, lambda *_: None)
    moved = (pack.attached["tasks"].trainable()["prefix_task_cols"] - before).abs().sum((1, 2))
    assert moved[0] == moved[2] == 0 and moved[1] > 0


def test_a_new_question_names_no_task(tmp_path: Path) -> None:
    packed(llama).attached["tasks"].save(tmp_path)
    with pytest.raises(ConfigError, match=r"learned for each task of a mixture, and a new question names none"):
        packed(llama, saved=tmp_path)
