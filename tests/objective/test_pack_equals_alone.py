"""A cell trained in a pack is the cell trained alone: the promise that makes a packed sweep a sweep."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import lora
from tiny_training import MACHINE, Outcome, data, members, sft, train

from tunegrid.method.base import Base
from tunegrid.objective.sft import Schedule

RANKS = [lora(1), lora(4, alpha=8), lora(16, targets=("query", "key", "value", "output"))]
OBJECTIVES = [
    sft(),
    sft(learning_rate=3e-3, schedule=Schedule.cosine, label_smoothing=0.1),
    sft(clip_norm=0.1, steps=15, batch_size=2),
]


def alone(index: int, folder: Path, dropout: float = 0.0) -> Outcome:
    methods = [replace(method, dropout=dropout) for method in RANKS]
    return train([members(*methods)[index]], [OBJECTIVES[index]], folder / "alone")


@pytest.mark.parametrize("strict", [False, True])
def test_losses_and_weights_equal_those_of_the_cell_alone(tmp_path: Path, strict: bool) -> None:
    packed = train(members(*RANKS), OBJECTIVES, tmp_path / "packed", strict=strict)
    for i in range(len(RANKS)):
        single = alone(i, tmp_path)
        for column in ("loss", "val_loss"):
            got, wanted = packed.journals[i].column(column), single.journals[0].column(column)
            assert len(got) == len(wanted) > 0
            np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5, err_msg=f"{column} of cell {i}")
        assert packed.trained[i].steps == OBJECTIVES[i].steps
        assert packed.trained[i].tokens == single.trained[0].tokens
        np.testing.assert_allclose(packed.trained[i].validation, single.trained[0].validation, atol=1e-3)


def test_dropout_draws_the_same_masks_in_a_pack(tmp_path: Path) -> None:
    methods = [replace(method, dropout=0.3) for method in RANKS]
    packed = train(members(*methods), OBJECTIVES, tmp_path / "packed")
    plain = alone(0, tmp_path / "plain")
    for i in range(len(RANKS)):
        single = alone(i, tmp_path, dropout=0.3)
        np.testing.assert_allclose(
            packed.journals[i].column("loss"), single.journals[0].column("loss"), rtol=0, atol=1e-5
        )
    assert packed.journals[0].column("loss") != plain.journals[0].column("loss")


def test_cutting_a_step_into_more_passes_changes_nothing(tmp_path: Path) -> None:
    whole = train(members(*RANKS), OBJECTIVES, tmp_path / "whole")
    cut = train(members(*RANKS), OBJECTIVES, tmp_path / "cut", replace(MACHINE, tokens_per_pass=40))
    for one, other in zip(whole.journals, cut.journals, strict=True):
        np.testing.assert_allclose(one.column("loss"), other.column("loss"), rtol=0, atol=1e-5)


def test_seeds_give_their_own_adapters_and_data_orders(tmp_path: Path) -> None:
    same = train(members(lora(4), lora(4), lora(4), seeds=[1, 1, 2]), [sft()] * 3, tmp_path)
    first, twin, other = (journal.column("loss") for journal in same.journals)
    np.testing.assert_allclose(first, twin, rtol=0, atol=1e-5)
    assert abs(np.subtract(first, other)).max() > 0.1


def test_a_cell_that_stops_early_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    wild = sft(learning_rate=0.3, clip_norm=None, warmup_steps=0, patience=1, steps=40)
    packed = train(members(*RANKS), [OBJECTIVES[0], wild, OBJECTIVES[2]], tmp_path / "packed")
    losses = packed.journals[1].column("val_loss")
    first_rise = next(i for i in range(1, len(losses)) if losses[i] >= min(losses[:i]))
    assert packed.trained[1].steps == 5 * (first_rise + 1) < 40
    for i in (0, 2):
        single = alone(i, tmp_path)
        np.testing.assert_allclose(
            packed.journals[i].column("loss"), single.journals[0].column("loss"), rtol=0, atol=1e-5
        )


def test_the_base_rides_along_untouched(tmp_path: Path) -> None:
    packed = train(members(lora(4), Base(kind="base")), [sft(), sft()], tmp_path / "packed")
    base = train(members(Base(kind="base"), seeds=[1]), [sft()], tmp_path / "base")
    assert packed.trained[1].steps == packed.trained[1].tokens == 0
    np.testing.assert_allclose(packed.trained[1].validation, base.trained[0].validation, rtol=1e-6)


def test_training_equals_a_plain_loop_over_peft(tmp_path: Path) -> None:
    """Against PEFT's own forward, torch's AdamW and transformers' loss: nothing of ours but the data order."""
    from tiny_models import llama
    from transformers import get_linear_schedule_with_warmup

    from tunegrid.objective.row_order import rows_of_step

    member, objective, prepared = members(lora(4))[0], sft(), data()
    ours = train([member], [objective], tmp_path).journals[0].column("loss")

    torch.manual_seed(0)
    from tunegrid.seeds import stream

    base = llama().eval()
    torch.manual_seed(stream(member.seed, "adapter"))
    model = member.method.adaptation().attach(base, member.name)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=objective.learning_rate, weight_decay=objective.weight_decay)
    schedule = get_linear_schedule_with_warmup(optimizer, objective.warmup_steps, objective.steps)
    wanted = []
    for step in range(objective.steps):
        rows = rows_of_step(member.seed, step, objective.batch_size, len(prepared.train))
        sides = [(prepared.train.prompt(i), prepared.train.completion(i)) for i in rows]
        longest = max(len(p) + len(c) for p, c in sides)
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        labels = torch.full_like(ids, -100)
        for i, (prompt, completion) in enumerate(sides):
            whole = torch.from_numpy(np.concatenate([prompt, completion])).long()
            ids[i, : len(whole)] = whole
            labels[i, len(prompt) : len(whole)] = whole[len(prompt) :]
        mask = torch.arange(longest)[None] < torch.tensor([len(p) + len(c) for p, c in sides])[:, None]
        loss = model(input_ids=ids, attention_mask=mask.long(), labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, objective.clip_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        wanted.append(float(loss.detach()))
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=2e-5)
