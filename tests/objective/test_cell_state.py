import numpy as np
import tiny_training
import torch
from tiny_training import members

from tunegrid.method.base import Base
from tunegrid.objective.cell_state import CellState


def state() -> CellState:
    return tiny_training.state(members(Base(kind="base"), seeds=[4])[0], {"w": torch.nn.Parameter(torch.zeros(3))})


def test_every_step_draws_masks_of_its_own_and_the_same_ones_again() -> None:
    draws = [torch.rand(5, generator=state().generator(step)) for step in (1, 2, 1)]
    assert torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0], draws[1])


def test_every_rank_draws_masks_of_its_own() -> None:
    draws = [torch.rand(5, generator=state().generator(*at)) for at in ((3,), (3, 0), (3, 1), (3, 2), (2, 1))]
    assert torch.equal(draws[0], draws[1])
    assert len({tuple(draw.tolist()) for draw in draws[1:]}) == 4


def test_clipping_scales_the_whole_gradient_to_the_limit() -> None:
    cell = state()
    cell.parameters["w"].grad = torch.tensor([3.0, 4.0, 0.0])
    assert cell.clip() == 5.0
    torch.testing.assert_close(cell.parameters["w"].grad, torch.tensor([0.6, 0.8, 0.0]))


def test_a_gradient_that_is_not_finite_is_reported_and_left_alone() -> None:
    cell = state()
    cell.parameters["w"].grad = torch.tensor([float("nan"), 1.0, 0.0])
    assert np.isnan(cell.clip())
    cell.stop_diverged()
    assert cell.parameters["w"].grad is None
    assert not cell.active()
