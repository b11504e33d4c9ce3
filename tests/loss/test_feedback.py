"""The least-squares problem whose solution is the best policy, against that policy in closed form."""

import pytest
import torch

from tunegrid.loss.feedback import expected_worths, worth_losses

BETA = 0.3


def best(reference: torch.Tensor, worths: torch.Tensor) -> tuple[torch.Tensor, float]:
    """π_ref exp(w / β) / Z, and β log Z."""
    unscaled = reference.log() + worths / BETA
    return unscaled.softmax(0), BETA * float(unscaled.logsumexp(0))


def problem(seed: int, size: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(size, generator=draw).softmax(0), torch.randn(size, generator=draw)


@pytest.mark.parametrize("seed", range(3))
def test_the_best_policy_has_no_loss_and_a_value_of_beta_log_z(seed: int) -> None:
    reference, worths = problem(seed)
    policy, value = best(reference, worths)
    log_ratios = (policy / reference).log()
    expected = expected_worths(worths, log_ratios, ["x"] * len(worths), BETA)
    assert torch.allclose(expected, torch.tensor(value), atol=1e-5)
    assert worth_losses(log_ratios, worths, expected, BETA).max() < 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_descent_from_responses_that_nobody_drew_finds_the_best_policy(seed: int) -> None:
    """Every response once, however likely it is: no probability of drawing it is needed."""
    reference, worths = problem(seed)
    logits = reference.log().clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-10)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        log_ratios = logits.log_softmax(0) - reference.log()
        expected = expected_worths(worths, log_ratios.detach(), ["x"] * len(worths), BETA)
        loss = worth_losses(log_ratios, worths, expected, BETA).sum()
        loss.backward()
        return loss

    for _ in range(5):
        optimizer.step(closure)
    assert torch.allclose(logits.softmax(0), best(reference, worths)[0], atol=1e-3)


def test_a_prompt_of_one_response_is_compared_with_the_others() -> None:
    """By hand: worths 1, 0, −1 at the reference; y's two have mean ½, all have 0."""
    expected = expected_worths(torch.tensor([1.0, 0.0, -1.0]), torch.zeros(3), ["y", "y", "x"], BETA)
    assert expected.tolist() == pytest.approx([1 / 3, 1 / 3, -1 / 2])
