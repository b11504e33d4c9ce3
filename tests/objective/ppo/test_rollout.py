"""What is drawn, from what, and what is known of it afterwards."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from adaptation.virtual_packs import multitask
from objective.ppo.enumerable import (
    END,
    HARDWARE,
    LONGEST,
    PAD,
    PROMPT,
    RESPONSES,
    base,
    exact,
    in_generating_form,
    log_probabilities,
    module,
    pack,
)
from objective.ppo.enumerable import _model as untrained
from tiny_models import gpt2, llama, lora
from torch import Tensor
from transformers import PreTrainedModel

from tunegrid.loss.kl import k1, k2, k3
from tunegrid.loss.token_distribution import likelihood
from tunegrid.model.split_attention import split
from tunegrid.objective.experience import laid_out
from tunegrid.objective.ppo_module import PpoModule
from tunegrid.objective.rollout import Drawing, Rollout, roll_out
from tunegrid.pack.pack import Member, Pack

DRAWING = Drawing(LONGEST, 1.0, (END,), PAD)
DRAWS = 4000


def uniform(rows: int, seed: int = 0, tokens: int = LONGEST) -> Tensor:
    return torch.rand(rows, tokens, generator=torch.Generator().manual_seed(seed))


def rolled(of: Pack, rows: int, drawing: Drawing = DRAWING, at_once: int = 2000) -> Rollout:
    return roll_out(of, of.members[0].name, [torch.tensor(PROMPT)] * rows, drawing, uniform(rows), at_once)


def moved(seed: int = 0, **changes: object) -> PpoModule:
    """A policy that has left its reference."""
    made = module(seed=seed, **changes)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in made.actor.pack.base.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.05)
    return made


def test_every_response_is_one_that_can_be_and_ends_where_it_says() -> None:
    rollout = rolled(pack(), 500)
    known = set(RESPONSES)
    for row, ended in zip(rollout.rows(range(500)), rollout.ended.tolist(), strict=True):
        response = tuple(row.completion.tolist())
        assert response in known
        assert ended == (response[-1] == END)


def test_padding_is_never_drawn_though_the_model_would() -> None:
    rollout = rolled(Pack(split(untrained()), [Member("cell", module().state.member.method, 0)], PAD), 10_000)
    assert not (rollout.tokens[rollout.mask] == PAD).any()
    assert rollout.mask.sum() > 20_000


def test_how_prompts_are_batched_changes_no_draw() -> None:
    whole, cut = rolled(pack(), 100), rolled(pack(), 100, at_once=7)
    assert torch.equal(whole.tokens[whole.mask], cut.tokens[cut.mask]) and torch.equal(whole.mask, cut.mask)
    torch.testing.assert_close(whole.log_probabilities[whole.mask], cut.log_probabilities[cut.mask])


def test_padding_that_also_ends_responses_changes_nothing() -> None:
    """The word that distinct padding would be is made impossible in both."""
    models = [base(), base()]
    for model in models:
        model.get_output_embeddings().register_forward_hook(
            lambda head, inputs, logits: logits.index_fill(-1, torch.tensor([PAD]), -1e9)
        )
    method = module().state.member.method
    packs = [Pack(model, [Member("cell", method, 0)], pad) for model, pad in zip(models, (PAD, END), strict=True)]
    apart, same = (rolled(own, 300, replace(DRAWING, pad=own.pad)) for own in packs)
    assert replace(DRAWING, pad=END).banned is None
    assert torch.equal(apart.mask, same.mask) and torch.equal(apart.ended, same.ended)
    assert torch.equal(apart.tokens[apart.mask], same.tokens[same.mask])
    torch.testing.assert_close(apart.log_probabilities[apart.mask], same.log_probabilities[same.mask])


@pytest.mark.parametrize("make", [llama, gpt2])
def test_padding_on_the_left_moves_no_log_probability(make: Callable[[], PreTrainedModel]) -> None:
    """Prompts of one to eight tokens in one batch, against transformers' own forward on each row alone."""
    own, plain = Pack(split(make()), [Member("cell", lora(4), 0)], 0), make().eval()
    prompts = [torch.arange(5, 5 + length) for length in range(1, 9)]
    drawing = Drawing(6, 1.0, (2,), 0)
    rollout = roll_out(own, "cell", prompts, drawing, uniform(8, tokens=6), 8)
    with torch.no_grad():
        for row, (prompt, mask) in enumerate(zip(prompts, rollout.mask, strict=True)):
            response = rollout.tokens[row, mask]
            logits = plain(input_ids=torch.cat([prompt, response])[None]).logits[0, len(prompt) - 1 : -1]
            wanted = likelihood(logits, response, 1.0, 0).log_probabilities
            torch.testing.assert_close(rollout.log_probabilities[row, mask], wanted, atol=1e-5, rtol=0)


def test_a_prompt_is_answered_behind_the_prompt_of_its_own_task() -> None:
    own = Pack(split(llama()), [Member("cell", multitask(5, rank=2), 0)], 0, tasks=("first", "second"))
    for parameter in own.trainable(own.members[0]).values():
        torch.nn.init.normal_(parameter, std=0.3)
    drawing, prompts = Drawing(6, 1.0, (2,), 0), [torch.arange(5, 9)] * 4
    given = uniform(1, tokens=6).expand(4, -1)
    mixed = roll_out(own, "cell", prompts, drawing, given, 3, tasks=[1, 0, 1, 0])
    of_one, of_other = (roll_out(own, "cell", prompts, drawing, given, 4, tasks=[task] * 4) for task in (1, 0))
    for row, same in enumerate((of_one, of_other, of_one, of_other)):
        torch.testing.assert_close(mixed.log_probabilities[row], same.log_probabilities[row], atol=1e-5, rtol=0)
    assert not torch.equal(of_one.log_probabilities, of_other.log_probabilities)
    assert [row.task for row in mixed.rows(range(4))] == [1, 0, 1, 0]


@pytest.mark.parametrize("method", [None, lora(8, dropout=0.3)])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_first_ratio_is_one_though_model_and_adapter_have_dropout(method, temperature: float) -> None:
    made = module(method, temperature=temperature)
    experience = made.collect([torch.tensor(PROMPT)] * 64)
    rollout = experience.judged.rollout
    with torch.no_grad():
        pieces = made.actor.pieces("cell", rollout.rows(range(64)))
        new = laid_out([made.actor.likelihood("cell", piece).log_probabilities for piece in pieces], rollout.mask)
    old = rollout.log_probabilities
    assert float((new - old)[rollout.mask].exp().sub(1).abs().max()) < 1e-5
    assert float(k2(new, old)[rollout.mask].mean()) < 1e-9
    assert float(k1(old, experience.judged.log_reference)[rollout.mask].abs().max()) < 1e-5


def test_estimates_of_samples_are_the_exact_figures_within_three_standard_errors() -> None:
    made = moved()
    judged = made.actor.act([torch.tensor(PROMPT)] * DRAWS, seed=3)
    with torch.no_grad(), in_generating_form(made.actor.pack) as model:
        policy = log_probabilities(model)
        wanted = exact(policy, log_probabilities(base()), 0.3)
    assert wanted.total == pytest.approx(1, abs=1e-6) and wanted.kl > 0.05
    entropy = -float(policy.sum(1).exp() @ policy.sum(1))
    pieces = made.actor.pieces("cell", judged.rollout.rows(range(DRAWS)))
    with torch.no_grad():
        entropies = laid_out([made.actor.likelihood("cell", piece).entropies for piece in pieces], judged.rollout.mask)
    log_old, mask = judged.rollout.log_probabilities, judged.rollout.mask
    assert float(torch.where(mask, k3(log_old, judged.log_reference), 0).min()) > -1e-6
    for sampled, exactly in (
        (judged.divergences(), wanted.kl),
        (judged.scores, wanted.reward),
        (entropies.sum(1), entropy),
    ):
        assert abs(float(sampled.mean()) - exactly) < 3 * float(sampled.std()) / DRAWS**0.5


def test_a_response_ends_at_the_configured_token_and_is_not_penalised_for_it() -> None:
    made = module()
    stopping = replace(made.actor, drawing=replace(DRAWING, stop_ids=(7,)))
    judged = stopping.act([torch.tensor(PROMPT)] * 200, seed=0)
    last = torch.stack([row.completion[-1] for row in judged.rollout.rows(range(200))])
    counted = torch.tensor(stopping.judge.scores([], [row.completion for row in judged.rollout.rows(range(200))]))
    assert torch.equal(judged.rollout.ended, last == 7) and 0 < int((last == 7).sum()) < 200
    torch.testing.assert_close(judged.scores, counted - (last != 7).float())


def test_logits_are_held_for_one_position_at_a_time() -> None:
    """No tensor of a rollout grows with responses × positions × vocabulary."""
    own, largest = pack(), 0

    class Largest(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), options=None):
            nonlocal largest
            out = function(*arguments, **(options or {}))
            if isinstance(out, Tensor) and out.shape[-1:] == (8,):
                largest = max(largest, out.numel())
            return out

    with Largest():
        rolled(own, 64, at_once=HARDWARE.generation_rows)
    assert 64 * 8 <= largest < 2 * 64 * 8
