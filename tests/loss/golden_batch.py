"""Two responses of at most four tokens, worked out by hand to six digits: A ends at its third token, B never ends."""

import torch
from torch import Tensor

PAD = float("nan")
"""What stands behind A's end must never be read."""


def rows(a: list[float], b: list[float]) -> Tensor:
    return torch.tensor([a, b], dtype=torch.float64)


MASK = torch.tensor([[True, True, True, False], [True, True, True, True]])
LOG_POLICY = rows([-1.0, -0.5, -0.2, PAD], [-0.7, -0.3, -1.1, -0.4])
LOG_REFERENCE = rows([-1.2, -0.9, -0.1, PAD], [-0.6, -0.5, -1.0, -0.9])
VALUES = rows([0.5, 0.4, 0.3, PAD], [0.1, 0.0, -0.2, -0.4])
SCORES = torch.tensor([1.0, -1.0], dtype=torch.float64)
"""B's is 0 less a penalty of 1, as it does not end."""

K1 = rows([0.2, 0.4, -0.1, 0], [-0.1, 0.2, -0.1, 0.5])
K2 = rows([0.02, 0.08, 0.005, 0], [0.005, 0.02, 0.005, 0.125])
K3 = rows([0.018731, 0.070320, 0.005171, 0], [0.005171, 0.018731, 0.005171, 0.106531])
REWARDS = rows([-0.02, -0.04, 1.01, 0], [0.01, -0.02, 0.01, -1.05])
ADVANTAGES = rows([0.387775, 0.5345, 0.71, 0], [-1.027769, -0.987125, -0.8075, -0.65])
RETURNS = rows([0.887775, 0.9345, 1.01, 0], [-0.927769, -0.987125, -1.0075, -1.05])
WHITENED = rows([0.844486, 1.034922, 1.262706, 0], [-0.992767, -0.940015, -0.706877, -0.502456])

LOG_RATIOS = rows([0.3, -0.1, -0.4, 5.0], [-0.25, 0.05, 0.1, 0.5])
RATIOS = rows([1.349859, 0.904837, 0.670320, 1], [0.778801, 1.051271, 1.105171, 1.648721])
VALUE_CHANGES = rows([0.5, -0.1, 0.1, 0], [-0.5, 0.3, 0, 0.2])
POLICY_LOSS, CLIPPED_SHARE, VALUE_LOSS, UNCLIPPED_VALUE_LOSS = 0.085117, 0.285714, 0.323314, 0.292648
SEED_LOSS = 0.020386
"""Of min(ratio, 1 + ε, 1 − ε) · A, as one source has the surrogate."""
APPROXIMATE_KL = 0.041786
