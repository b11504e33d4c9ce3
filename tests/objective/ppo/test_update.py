"""One update: what it reads, what it changes, and that its gradient is the gradient of the objective."""

from dataclasses import replace

import pytest
import torch
from loss.golden_batch import (
    LOG_POLICY,
    LOG_REFERENCE,
    MASK,
    RETURNS,
    SCORES,
    VALUES,
    WHITENED,
)
from objective.ppo.enumerable import (
    END,
    PROMPT,
    REWARDS,
    base,
    in_generating_form,
    log_probabilities,
    module,
    ppo,
)
from objective.ppo.test_rollout import moved
from tiny_models import lora
from torch import Tensor

from tunegrid.objective.experience import Experience, Judged, appraised, laid_out
from tunegrid.objective.ppo_module import PpoModule
from tunegrid.objective.reference import Reference
from tunegrid.objective.rollout import Rollout

METHODS = {"full": None, "lora": lora(4, targets=("all-linear",))}


def experience(of: PpoModule, responses: int = 8) -> Experience:
    return of.collect([torch.tensor(PROMPT)] * responses)


def gradients(of: PpoModule, from_: Experience, indices: list[int] | None = None) -> dict[str, Tensor]:
    """Of policy and value trunk, for some of the responses at once."""
    of.zero_grad()
    for parameter in of.state.parameters.values():
        parameter.grad = None
    of.accumulate(from_, indices or list(range(len(from_.values))))
    return {name: p.grad.clone() for name, p in of.state.parameters.items() if p.grad is not None}


def golden() -> Judged:
    tokens = torch.tensor([[2, 3, END, 0], [2, 3, 4, 5]])
    rollout = Rollout((torch.tensor(PROMPT),) * 2, tokens, LOG_POLICY, MASK, torch.tensor([True, False]), (0, 0))
    return Judged(rollout, SCORES, LOG_REFERENCE)


def test_the_golden_batch_is_appraised_as_worked_out_by_hand() -> None:
    found = appraised(golden(), VALUES, ppo(), 0.1)
    torch.testing.assert_close(found.advantages, WHITENED, atol=1.5e-6, rtol=0)
    torch.testing.assert_close(found.returns, RETURNS, atol=5e-7, rtol=0)
    assert golden().divergences().tolist() == pytest.approx([0.5, 0.5])


def test_rewards_can_be_brought_to_one_variance_around_their_mean() -> None:
    """Without values and at λ = 0 the returns are the rewards."""
    plain, scaled = (appraised(golden(), torch.zeros(2, 4), ppo(trace=0.0, whiten_rewards=on), 0.1) for on in (0, 1))
    assert float(scaled.returns[MASK].mean()) == pytest.approx(float(plain.returns[MASK].mean()), abs=1e-6)
    assert float(plain.returns[MASK].var()) < 0.5 and float(scaled.returns[MASK].var()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_what_stands_behind_the_end_changes_no_bit_of_loss_and_gradients(method: str) -> None:
    made = moved() if method == "full" else module(METHODS[method])
    clean = experience(made)
    rollout, hole = clean.judged.rollout, ~clean.judged.rollout.mask
    assert hole.any()
    dirty_rollout = replace(
        rollout,
        tokens=rollout.tokens.masked_fill(hole, 7),
        log_probabilities=rollout.log_probabilities.masked_fill(hole, torch.nan),
    )
    judged = replace(
        clean.judged,
        rollout=dirty_rollout,
        log_reference=clean.judged.log_reference.masked_fill(hole, 1e6),
    )
    dirty = appraised(judged, clean.values.masked_fill(hole, torch.nan), made.state.objective, 0.3)
    for ours, theirs in ((clean.advantages, dirty.advantages), (clean.returns, dirty.returns)):
        assert torch.equal(ours, theirs)
    assert torch.equal(clean.judged.divergences(), judged.divergences())
    wanted, found = gradients(made, clean), gradients(made, dirty)
    assert wanted.keys() == found.keys()
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)
    assert made.accumulate(clean, range(8)) == made.accumulate(dirty, range(8))


def test_the_token_that_ends_a_response_is_trained() -> None:
    made = moved()
    own = experience(made, 64)
    short = [i for i, row in enumerate(own.judged.rollout.rows(range(64))) if row.completion.tolist() == [END]]
    assert short
    only = gradients(made, replace(own, advantages=torch.ones_like(own.advantages)), short[:1])
    assert float(only["lm_head.weight" if "lm_head.weight" in only else "transformer.wte.weight"][END].abs().sum()) > 0


@pytest.mark.parametrize("method", METHODS)
def test_however_passes_are_cut_the_gradient_is_the_same(method: str) -> None:
    """One pass of eight responses, some of a few, eight of one: each loss is a mean over all tokens."""
    made = moved() if method == "full" else module(METHODS[method])
    own = experience(made)
    wanted = gradients(made, own)
    for limit, passes in ((1, 8), (14, None), (1000, 1)):
        made.actor = replace(made.actor, tokens_per_pass=limit)
        pieces = len(made.actor.pieces("cell", own.judged.rollout.rows(range(8))))
        assert pieces == passes if passes else 1 < pieces < 8
        for name, found in gradients(made, own).items():
            scale = float(wanted[name].abs().max())
            torch.testing.assert_close(found, wanted[name], atol=1e-6 * max(scale, 1), rtol=0)


@pytest.mark.parametrize("method", METHODS)
def test_learning_values_moves_no_policy(method: str) -> None:
    made = module(METHODS[method])
    own = experience(made)
    assert not own.values.any()
    made.trunk.values(own.judged.rollout.rows(range(8))).sum().backward()
    policy = made.actor.pack.trainable(made.actor.pack.members[0]).values()
    assert all(parameter.grad is None for parameter in policy)
    assert any(parameter.grad is not None for parameter in made.trunk.trainable().values())


@pytest.mark.parametrize("method", METHODS)
def test_at_the_start_policy_and_reference_are_one_to_the_bit(method: str) -> None:
    made = module(METHODS[method])
    rows = experience(made).judged.rollout.rows(range(8))

    def of(name: str) -> Tensor:
        return torch.cat([made.actor.likelihood(name, p).log_probabilities for p in made.actor.pieces(name, rows)])

    with torch.no_grad(), made.actor.reference.in_force() as name:
        reference = of(name)
    assert torch.equal(of("cell"), reference)


def trained_lora(of: PpoModule) -> None:
    with torch.no_grad():
        for parameter in of.actor.pack.trainable(of.actor.pack.members[0]).values():
            parameter.add_(0.1)


@pytest.mark.parametrize(("method", "trained"), [("full", False), ("lora", False), ("lora", True)])
def test_the_reference_stays_what_the_cell_was_and_is_held_as_small_as_can_be(method: str, trained: bool) -> None:
    """For a fresh adapter the base itself; for one that was trained before a copy of it; for full tuning, of all."""
    made = module(METHODS[method])
    size = sum(p.numel() for p in made.actor.pack.trainable(made.actor.pack.members[0]).values())
    if trained:
        trained_lora(made)
        made.actor = replace(made.actor, reference=Reference(made.actor.pack, "cell"))
    assert made.actor.reference.copied == (0 if method == "lora" and not trained else size)
    before = experience(made).judged
    trained_lora(made)
    with torch.no_grad(), made.actor.reference.in_force() as name:
        pieces = made.actor.pieces(name, before.rollout.rows(range(8)))
        after = laid_out([made.actor.likelihood(name, p).log_probabilities for p in pieces], before.rollout.mask)
    assert torch.equal(after, before.log_reference)
    again = experience(made).judged
    assert float(again.divergences().abs().max()) > 1e-3


def test_an_adapter_leaves_the_one_base_as_it_was() -> None:
    made = module(METHODS["lora"], learning_rate=1e-2)
    start = {name: p.clone() for name, p in base().named_parameters()}
    of_base = {id(p): p for p in made.actor.pack.base.parameters() if made.actor.pack.is_of_base(p)}
    assert sum(p.numel() for p in of_base.values()) == sum(p.numel() for p in start.values())
    optimizer = made.optimizer
    assert optimizer is not None
    for _ in range(50):
        optimizer.zero_grad()
        made.accumulate(experience(made), range(8))
        optimizer.step()
    assert all(any(torch.equal(p, q) for q in of_base.values()) for p in start.values())
    assert made.actor.reference.copied == 0


def test_clipping_bounds_what_the_optimiser_gets() -> None:
    made = module(clip_norm=0.01)
    made.accumulate(experience(made), range(8))
    before = made._clip()
    after = made._clip()
    for name in ("grad_norm", "value_grad_norm"):
        assert before[name] > 0.01 and after[name] == pytest.approx(0.01, rel=1e-3)


def test_values_and_policy_have_rates_of_their_own_and_adam_an_epsilon() -> None:
    made = module(learning_rate=1e-3, value_learning_rate=5e-3)
    assert made.optimizer is not None
    assert [(g["peak"], g["eps"]) for g in made.optimizer.param_groups] == [(1e-3, 1e-5), (5e-3, 1e-5)]


def exact_gradient(of: PpoModule, coefficient: float, temperature: float) -> Tensor:
    """∂ (E[R] − β KL) / ∂ parameters, by counting out every response."""
    with torch.no_grad():
        reference = log_probabilities(base(), temperature).sum(1)
    with in_generating_form(of.actor.pack) as model, torch.enable_grad():
        log_p = log_probabilities(model, temperature).sum(1)
        gain = log_p.exp() @ (REWARDS - coefficient * (log_p - reference))
    return flat(of, dict(zip(policy(of), torch.autograd.grad(gain, list(policy(of).values())), strict=True)))


def policy(of: PpoModule) -> dict[str, Tensor]:
    return {name: p for name, p in of.state.parameters.items() if not name.startswith("value/")}


def flat(of: PpoModule, found: dict[str, Tensor]) -> Tensor:
    return torch.cat([found[name].flatten().double() for name in policy(of)])


def sampled_gradient(of: PpoModule, responses: int) -> Tensor:
    """The update's own gradient at ratio 1, its whitening and its mean over tokens taken back."""
    own = experience(of, responses)
    raw = own.returns - own.values
    found = gradients(of, replace(own, advantages=torch.where(own.judged.rollout.mask, raw, 0)))
    return -flat(of, found) * float(own.judged.rollout.mask.sum()) / responses


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_sampled_gradient_is_the_exact_one(temperature: float) -> None:
    made = moved(trace=1.0, temperature=temperature, missing_end_penalty=1.0)
    made.actor = replace(made.actor, rows_at_once=5000, tokens_per_pass=40_000)
    sampled, exactly = sampled_gradient(made, 20_000), exact_gradient(made, 0.3, temperature)
    assert float(torch.cosine_similarity(sampled, exactly, dim=0)) >= 0.995
    assert 0.97 <= float(sampled.norm() / exactly.norm()) <= 1.03
