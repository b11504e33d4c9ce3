"""Gates against Monte Carlo and the limits of their formulas."""

import pytest
import torch

from tunegrid.loss.hard_concrete import expected_gate, open_probability, sampled_gate

DRAWS = 200_000


@pytest.mark.parametrize("log_odds", [-3.0, -0.5, 0.0, 1.0, 4.0])
def test_the_probability_of_an_open_gate_is_that_of_sampled_ones(log_odds: float) -> None:
    uniform = torch.rand(DRAWS, generator=torch.Generator().manual_seed(0))
    sampled = sampled_gate(torch.full((DRAWS,), log_odds), uniform)
    share, expected = float((sampled > 0).float().mean()), float(open_probability(torch.tensor(log_odds)))
    assert share == pytest.approx(expected, abs=3 * (expected * (1 - expected) / DRAWS) ** 0.5 + 1e-6)
    assert float(sampled.min()) >= 0 and float(sampled.max()) <= 1


def test_gates_are_exactly_closed_and_open_far_from_the_middle() -> None:
    gates = expected_gate(torch.tensor([-9.0, -2.0, 0.0, 2.0, 9.0]))
    assert gates.tolist()[0] == 0 and gates.tolist()[-1] == 1
    assert gates.tolist()[2] == pytest.approx(0.5 * (1.5 + 1.5) - 1.5 + 0.0)


def test_a_gate_in_the_middle_has_a_gradient_and_a_closed_one_has_none() -> None:
    log_odds = torch.tensor([0.3, -9.0], requires_grad=True)
    expected_gate(log_odds).sum().backward()
    assert log_odds.grad is not None
    assert log_odds.grad[0] > 0 and log_odds.grad[1] == 0
