"""How far the rows of a matrix are from orthonormal. Imports torch."""

import torch
from torch import Tensor


def departure_from_orthonormal(matrix: Tensor) -> Tensor:
    """‖M Mᵀ − I‖_F of a matrix (r, n), as AdaLoRA's reference implementation has it.

    Zhang et al. 2023, arXiv 2303.10512, eq. 4, has its square.
    """
    return torch.linalg.norm(matrix @ matrix.t() - torch.eye(len(matrix), device=matrix.device))
