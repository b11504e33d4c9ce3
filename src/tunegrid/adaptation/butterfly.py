"""PEFT's BOFT without its CUDA extension. Imports torch and peft.

PEFT compiles the extension where it finds nvcc; elsewhere it warns and trains one butterfly factor whatever the config
asks for. All that it computes is where the blocks of a block-diagonal matrix go.
"""

from typing import Any, cast

import torch
from peft.tuners.boft import layer as boft
from torch import Tensor


class BlockDiagonal:
    """What the extension offers, in torch; N factors of D blocks of size H."""

    @staticmethod
    def forward(blocks: Tensor) -> list[Tensor]:
        """Blocks (N, D, H, H) on the diagonals of matrices (N, D·H, D·H)."""
        return [torch.stack([torch.block_diag(*factor) for factor in blocks])]

    @staticmethod
    def backward(gradient: Tensor, blocks: Tensor) -> list[Tensor]:
        """The blocks (N, D, H, H) on the diagonals of the gradient (N, D·H, D·H)."""
        count, size = blocks.shape[1:3]
        cut = gradient.view(-1, count, size, count, size)
        return [cut.diagonal(dim1=1, dim2=3).permute(0, 3, 1, 2).contiguous()]


def compute_in_torch() -> None:
    """Have PEFT take this for its extension, so that every machine trains what the config says."""
    boft._FBD_CUDA = cast(Any, BlockDiagonal)
