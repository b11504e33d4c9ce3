"""EVA's A against singular vectors of inputs that transformers' own forward shows."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_models import gpt2, llama, lora, random_rows, t5
from tiny_training import Outcome, members, sft, train
from torch import Tensor
from transformers import PreTrainedModel

from tunegrid.data.token_rows import PreparedData, TokenizedRows
from tunegrid.errors import DataError
from tunegrid.method.lora import Initialisation
from tunegrid.model.split_attention import split
from tunegrid.objective.sft import Schedule
from tunegrid.pack.input_directions import TOKENS

RANK = 4
EVA = replace(lora(RANK), initialisation=Initialisation.eva)
FIRST_STEP = sft(steps=1, warmup_steps=0)
LAYERS: list[tuple[Callable[[], PreTrainedModel], str]] = [
    (llama, "model.layers.1.self_attn.v_proj"),
    (gpt2, "transformer.h.1.attn.c_attn.q_proj"),
    (t5, "encoder.block.1.layer.0.SelfAttention.q"),
    (t5, "decoder.block.1.layer.1.EncDecAttention.q"),
]


def prepared(rows: TokenizedRows) -> PreparedData:
    return PreparedData(rows, rows, [], (0,), "fingerprint", ())


def barely_trained(rows: TokenizedRows, folder: Path, make: Callable[[], PreTrainedModel] = llama) -> Outcome:
    """One step at a rate that leaves A where it started."""
    objective = replace(FIRST_STEP, learning_rate=1e-9, weight_decay=0.0)
    return train(members(EVA), [objective], folder, prepared=prepared(rows), base=split(make()))


def started(outcome: Outcome, layer: str) -> Tensor:
    own = outcome.pack.trainable(outcome.pack.members[0])
    return next(p.detach() for name, p in own.items() if f"{layer}.lora_A" in name)


def inputs_of(model: PreTrainedModel, layer: str, rows: TokenizedRows) -> Tensor:
    """(tokens, in) of a layer, row by row, without the last token of each, which predicts nothing."""
    seen: list[Tensor] = []
    model.get_submodule(layer).register_forward_pre_hook(lambda _, x: seen.append(x[0][0]))
    with torch.no_grad():
        for row in range(len(rows)):
            prompt, completion = (torch.from_numpy(side).long() for side in (rows.prompt(row), rows.completion(row)))
            if model.config.is_encoder_decoder:
                model(input_ids=prompt[None], labels=completion[None])
            else:
                model(input_ids=torch.cat([prompt, completion])[None, :-1])
    return torch.cat(seen)


def centred(inputs: Tensor) -> Tensor:
    return inputs - inputs.mean(0)


def few_rows(count: int = 5) -> TokenizedRows:
    return TokenizedRows.of([(row.prompt.tolist(), row.completion.tolist()) for row in random_rows(count, 7)])


@pytest.mark.parametrize(("make", "layer"), LAYERS)
def test_a_is_the_first_right_singular_vectors_of_the_inputs(
    make: Callable[[], PreTrainedModel], layer: str, tmp_path: Path
) -> None:
    rows = few_rows()
    assert rows.tokens < TOKENS  # taken in at once
    vectors = torch.linalg.svd(centred(inputs_of(split(make()).eval(), layer, rows)), full_matrices=False).Vh[:RANK]
    cosines = (started(barely_trained(rows, tmp_path, make), layer) * vectors).sum(1)
    torch.testing.assert_close(cosines.abs(), torch.ones(RANK), rtol=1e-4, atol=0)


def test_taken_in_bit_by_bit_they_hold_almost_as_much_of_the_variance(tmp_path: Path) -> None:
    rows = few_rows(60)
    assert rows.tokens > 4 * TOKENS
    inputs = centred(inputs_of(llama().eval(), "model.layers.1.self_attn.v_proj", rows))
    a = started(barely_trained(rows, tmp_path), "model.layers.1.self_attn.v_proj")
    torch.testing.assert_close(a @ a.T, torch.eye(RANK), rtol=0, atol=1e-4)
    best = torch.linalg.svdvals(inputs)[:RANK].square().sum()
    assert 0.9 * best < (inputs @ a.T).square().sum() <= best


def test_training_starts_from_the_base_and_follows_the_seed(tmp_path: Path) -> None:
    one, twin, other = (train(members(EVA, seeds=[seed]), [FIRST_STEP], tmp_path / str(i))
                        for i, seed in enumerate([3, 3, 4]))  # fmt: skip
    plain = train(members(lora(RANK), seeds=[3]), [FIRST_STEP], tmp_path / "plain")
    assert one.journals[0].column("loss")[0] == pytest.approx(plain.journals[0].column("loss")[0], abs=1e-6)
    layer = "model.layers.0.self_attn.q_proj"
    assert torch.equal(started(one, layer), started(twin, layer))
    assert not torch.equal(started(one, layer), started(other, layer))


def test_a_resumed_cell_goes_on_from_what_it_has_learned(tmp_path: Path) -> None:
    objective = sft(steps=10, schedule=Schedule.constant)
    whole = train(members(EVA), [objective], tmp_path / "whole")
    train(members(EVA), [replace(objective, steps=5)], tmp_path / "parts")
    parts = train(members(EVA), [objective], tmp_path / "parts")
    resumed = parts.pack.trainable(parts.pack.members[0])
    for name, parameter in whole.pack.trainable(whole.pack.members[0]).items():
        assert torch.equal(resumed[name], parameter)


def test_too_few_tokens_for_the_rank_are_refused(tmp_path: Path) -> None:
    wide = replace(EVA, rank=48)
    rows = TokenizedRows.of([([5, 6, 7], [8, 9])])
    with pytest.raises(DataError, match=r"method.initialisation=eva needs at least method.rank=48 tokens of training"):
        train(members(wide), [FIRST_STEP], tmp_path, prepared=prepared(rows))
