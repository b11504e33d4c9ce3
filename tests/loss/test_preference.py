"""The pairwise loss against hand-worked numbers and its limits."""

from math import log

import pytest
import torch

from tunegrid.loss.preference import BINS, accuracies, calibration_statistics, pairwise_loss

CHOSEN = torch.tensor([1.2, 0.3, -0.5], dtype=torch.float64)
REJECTED = torch.tensor([0.2, 0.5, -1.5], dtype=torch.float64)
ZERO = torch.zeros(3, dtype=torch.float64)


def test_the_three_answers_of_the_mission() -> None:
    b, c, a = 1.8, 1.2, 0.4
    pairs = torch.tensor([[b, c], [c, a], [b, a]], dtype=torch.float64)
    found = pairwise_loss(pairs[:, 0], pairs[:, 1], ZERO, 0.0)
    assert found.tolist() == pytest.approx([0.437, 0.371, 0.220], abs=6e-4)
    assert sum([0.437, 0.371, 0.220]) == pytest.approx(1.028) and float(found.sum()) == pytest.approx(
        1.029006, abs=1e-6
    )


@pytest.mark.parametrize(
    ("margin", "centring", "wanted"), [(0.0, 0.0, 0.474887), (0.5, 0.0, 0.683780), (0.0, 0.01, 0.474887 + 0.022)]
)
def test_the_golden_batch(margin: float, centring: float, wanted: float) -> None:
    found = pairwise_loss(CHOSEN, REJECTED, ZERO + margin, centring)
    assert float(found.mean()) == pytest.approx(wanted, abs=1e-6)


def test_equal_scores_cost_ln_2_and_identical_answers_have_no_gradient() -> None:
    score = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    loss = pairwise_loss(score, score, ZERO[:1], 0.0)
    loss.sum().backward()
    assert float(loss.detach()) == pytest.approx(log(2))
    assert score.grad is not None and float(score.grad) == 0


def test_ties_count_half_and_swapping_turns_the_accuracy_round() -> None:
    assert accuracies(CHOSEN, REJECTED).tolist() == [1, 0, 1]
    assert accuracies(ZERO, ZERO).tolist() == [0.5] * 3
    assert accuracies(REJECTED, CHOSEN).tolist() == [0, 1, 0]


def test_calibration_is_sorted_into_bins_of_confidence() -> None:
    found = calibration_statistics(CHOSEN, REJECTED).reshape(3, 3, BINS)
    confidences = torch.sigmoid((CHOSEN - REJECTED).abs())
    assert found[:, 2].sum(1).tolist() == [1, 1, 1]
    for row, bin_of in enumerate([int((c - 0.5) * 20) for c in confidences.tolist()]):
        assert float(found[row, 0, bin_of]) == pytest.approx(float(confidences[row]))
        assert float(found[row, 1, bin_of]) == float(accuracies(CHOSEN, REJECTED)[row])
