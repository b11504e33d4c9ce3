"""Estimates of a divergence against hand-worked numbers and the closed form."""

import pytest
import torch
from loss.golden_batch import APPROXIMATE_KL, K1, K2, K3, LOG_POLICY, LOG_RATIOS, LOG_REFERENCE, MASK

from tunegrid.loss.advantage import masked
from tunegrid.loss.kl import adapted, k1, k2, k3

DRAWS = 50_000


@pytest.mark.parametrize(("estimate", "golden", "sums"), [(k1, K1, (0.5, 0.5)), (k2, K2, (0.105, 0.155))])
def test_the_golden_batch(estimate, golden, sums) -> None:
    found = masked(estimate(LOG_POLICY, LOG_REFERENCE), MASK)
    torch.testing.assert_close(found, golden, atol=5e-7, rtol=0)
    assert found.sum(1).tolist() == pytest.approx(sums)


def test_k3_of_the_golden_batch() -> None:
    found = masked(k3(LOG_POLICY, LOG_REFERENCE), MASK)
    torch.testing.assert_close(found, K3, atol=5e-7, rtol=0)
    assert found.sum(1).tolist() == pytest.approx([0.094222, 0.135603], abs=1e-6)


def test_the_divergence_between_updates_leaves_out_what_is_behind_the_end() -> None:
    assert float(k2(LOG_RATIOS, torch.zeros_like(LOG_RATIOS))[MASK].mean()) == pytest.approx(APPROXIMATE_KL, abs=5e-7)


def test_means_of_samples_are_the_exact_divergence_within_three_standard_errors() -> None:
    generator = torch.Generator().manual_seed(0)
    policy, reference = torch.randn(2, 7, generator=generator, dtype=torch.float64).log_softmax(1)
    exact = float((policy.exp() * (policy - reference)).sum())
    drawn = torch.multinomial(policy.exp(), DRAWS, replacement=True, generator=generator)
    for estimate in (k1, k3):
        found = estimate(policy[drawn], reference[drawn])
        assert abs(float(found.mean()) - exact) < 3 * float(found.std()) / DRAWS**0.5
    assert float(k3(policy[drawn], reference[drawn]).min()) >= 0
    assert float(k3(policy[drawn], reference[drawn]).std()) < float(k1(policy[drawn], reference[drawn]).std())


@pytest.mark.parametrize(("kl", "wanted"), [(9, 0.150192), (3, 0.149808), (6.3, 0.150048), (6, 0.15)])
def test_the_coefficient_follows_the_divergence(kl: float, wanted: float) -> None:
    assert adapted(0.15, kl, target=6, responses=64, horizon=10_000) == pytest.approx(wanted, abs=5e-7)


def test_the_coefficient_is_bounded_in_each_step() -> None:
    coefficient = 0.15
    for _ in range(100):
        coefficient = adapted(coefficient, 1000, target=6, responses=64, horizon=10_000)
    assert coefficient == pytest.approx(0.170469, abs=5e-7)
