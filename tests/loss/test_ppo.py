"""The surrogate against hand-worked numbers, its gradient case by case, and a formula that learns nothing."""

import pytest
import torch
from loss.golden_batch import (
    CLIPPED_SHARE,
    LOG_RATIOS,
    MASK,
    POLICY_LOSS,
    RATIOS,
    RETURNS,
    SEED_LOSS,
    UNCLIPPED_VALUE_LOSS,
    VALUE_CHANGES,
    VALUE_LOSS,
    VALUES,
    WHITENED,
)

from tunegrid.loss.ppo import clipped_share, policy_losses, ratios, value_losses

RATIO = ratios(LOG_RATIOS, torch.zeros_like(LOG_RATIOS))[MASK]


def seed_losses(ratio: torch.Tensor, advantages: torch.Tensor, clip: float) -> torch.Tensor:
    """−min(r, 1 + ε, 1 − ε) · A, which is sometimes printed as the clipped surrogate."""
    return -ratio.clamp(max=1 - clip) * advantages


def test_the_golden_batch() -> None:
    torch.testing.assert_close(RATIO, RATIOS[MASK], atol=5e-7, rtol=0)
    assert float(policy_losses(RATIO, WHITENED[MASK], 0.2).mean()) == pytest.approx(POLICY_LOSS, abs=1e-6)
    assert float(clipped_share(RATIO, WHITENED[MASK], 0.2).mean()) == pytest.approx(CLIPPED_SHARE, abs=1e-6)


def test_the_golden_batch_cut_in_two_has_another_mean_of_means() -> None:
    first, second = policy_losses(RATIO, WHITENED[MASK], 0.2).split([3, 4])
    assert float((first.mean() + second.mean()) / 2) == pytest.approx(-0.042033, abs=2e-6)


@pytest.mark.parametrize(("clip", "wanted"), [(0.2, VALUE_LOSS), (100.0, UNCLIPPED_VALUE_LOSS)])
def test_the_golden_value_losses(clip: float, wanted: float) -> None:
    values = VALUES[MASK] + VALUE_CHANGES[MASK]
    found = value_losses(values, VALUES[MASK], RETURNS[MASK], clip)
    assert float(found.mean()) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("advantage", [1.0, -1.0])
@pytest.mark.parametrize("ratio", [0.7, 1.0, 1.3])
def test_a_gradient_is_missing_just_where_the_ratio_has_gone_far_enough(ratio: float, advantage: float) -> None:
    log_ratio = torch.tensor([ratio]).log().requires_grad_()
    found = ratios(log_ratio, torch.zeros(1))
    policy_losses(found, torch.tensor([advantage]), 0.2).sum().backward()
    enough = (advantage > 0 and ratio > 1.2) or (advantage < 0 and ratio < 0.8)
    assert log_ratio.grad is not None
    assert float(log_ratio.grad) == (0 if enough else pytest.approx(-ratio * advantage))
    assert float(clipped_share(found, torch.tensor([advantage]), 0.2)) == enough


def test_the_formula_with_three_terms_under_one_minimum_learns_nothing() -> None:
    """At ratio 1, where every update starts, and wherever the ratio is not below 1 − ε."""
    for losses, learns in ((seed_losses, False), (policy_losses, True)):
        log_ratio = torch.zeros(4, dtype=torch.float64, requires_grad=True)
        losses(ratios(log_ratio, torch.zeros(4)), torch.tensor([1.0, -1.0, 0.5, 2.0]), 0.2).sum().backward()
        assert log_ratio.grad is not None
        assert bool(log_ratio.grad.any()) is learns
    masked = torch.where(WHITENED[MASK] == 0, 0, WHITENED[MASK])
    assert float(seed_losses(RATIO, masked, 0.2).mean()) == pytest.approx(SEED_LOSS, abs=1e-6)


def test_no_ratio_is_infinite() -> None:
    assert torch.isfinite(ratios(torch.tensor([500.0, -500.0]), torch.zeros(2))).all()
