"""Advantages against hand-worked numbers, their definition in O(T²), and the limits of λ."""

import pytest
import torch
from loss.golden_batch import (
    ADVANTAGES,
    K1,
    LOG_POLICY,
    LOG_REFERENCE,
    MASK,
    RETURNS,
    REWARDS,
    SCORES,
    VALUES,
    WHITENED,
)
from torch import Tensor

from tunegrid.loss.advantage import generalised_advantages, masked, token_rewards, whitened
from tunegrid.loss.kl import k1


def test_rewards_of_the_golden_batch_are_the_penalty_everywhere_and_the_score_once() -> None:
    found = token_rewards(k1(LOG_POLICY, LOG_REFERENCE), SCORES, MASK, 0.1)
    torch.testing.assert_close(found, REWARDS, atol=5e-7, rtol=0)
    torch.testing.assert_close(found.sum(1), SCORES - 0.1 * K1.sum(1))


@pytest.mark.parametrize("length", range(1, 7))
def test_the_score_stands_at_the_last_token_of_every_length(length: int) -> None:
    mask = torch.arange(6)[None] < length
    found = token_rewards(torch.zeros(1, 6), torch.tensor([3.0]), mask, 0.1)
    assert found[0].tolist() == [3.0 if t == length - 1 else 0.0 for t in range(6)]


def test_advantages_and_returns_of_the_golden_batch() -> None:
    found = generalised_advantages(REWARDS, VALUES, MASK, 1.0, 0.95)
    torch.testing.assert_close(found, ADVANTAGES, atol=5e-7, rtol=0)
    torch.testing.assert_close(masked(found + VALUES, MASK), RETURNS, atol=5e-7, rtol=0)


def by_definition(rewards: Tensor, values: Tensor, length: int, discount: float, trace: float) -> list[float]:
    """A_t of one response as a sum over the steps that follow, each with its own sum of rewards."""
    v = [*values[:length].tolist(), 0.0]
    surprises = [float(rewards[t]) + discount * v[t + 1] - v[t] for t in range(length)]
    return [sum((discount * trace) ** (k - t) * surprises[k] for k in range(t, length)) for t in range(length)]


def test_advantages_equal_their_definition_on_a_thousand_random_responses() -> None:
    generator = torch.Generator().manual_seed(0)
    rewards, values = torch.randn(2, 1000, 8, generator=generator, dtype=torch.float64)
    lengths = torch.randint(1, 9, (1000,), generator=generator)
    mask = torch.arange(8)[None] < lengths[:, None]
    junk = torch.where(mask, 0.0, torch.nan)
    found = generalised_advantages(rewards + junk, values + junk, mask, 0.97, 0.9)
    for row, length in enumerate(lengths.tolist()):
        wanted = by_definition(rewards[row], values[row], length, 0.97, 0.9)
        torch.testing.assert_close(found[row, :length].tolist(), wanted, atol=1e-12, rtol=0)
        assert not found[row, length:].any()


def test_the_ends_of_lambda_are_the_return_and_the_surprise() -> None:
    generator = torch.Generator().manual_seed(1)
    rewards, values = torch.randn(2, 4, 6, generator=generator, dtype=torch.float64)
    mask = torch.ones(4, 6, dtype=torch.bool)
    whole = generalised_advantages(rewards, values, mask, 1.0, 1.0)
    torch.testing.assert_close(whole, rewards.flip(1).cumsum(1).flip(1) - values)
    following = torch.cat([values[:, 1:], torch.zeros(4, 1, dtype=torch.float64)], 1)
    torch.testing.assert_close(generalised_advantages(rewards, values, mask, 1.0, 0.0), rewards + following - values)


def test_whitening_takes_mean_and_variance_under_the_mask() -> None:
    found = whitened(torch.where(MASK, ADVANTAGES, torch.nan), MASK)
    torch.testing.assert_close(found, WHITENED, atol=1.5e-6, rtol=0)
    assert abs(float(found[MASK].mean())) < 1e-6
    assert float(found[MASK].var()) == pytest.approx(1, abs=1e-6)


def test_whitening_without_a_shift_keeps_the_mean() -> None:
    found = whitened(REWARDS, MASK, shift=False)
    assert float(found[MASK].mean()) == pytest.approx(float(REWARDS[MASK].mean()), abs=1e-9)
    assert float(found[MASK].var()) == pytest.approx(1, abs=1e-6)


def test_a_batch_of_one_token_is_refused() -> None:
    with pytest.raises(ValueError, match="whitening needs at least 2 tokens in a batch, got 1"):
        whitened(ADVANTAGES, torch.tensor([[True, False, False, False], [False] * 4]))
