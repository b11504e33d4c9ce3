"""Learning which of two answers is better. Imports torch."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

BINS = 10
"""Of equal width, between the confidences ½ and 1."""


def pairwise_loss(chosen: Tensor, rejected: Tensor, margins: Tensor, centring: float) -> Tensor:
    """−log σ(chosen − rejected − margin) + centring · (chosen + rejected)², of each pair (n,).

    The first term is Bradley and Terry's likelihood (Ouyang et al. 2022, arXiv 2203.02155, eq. 1) with a margin
    (Touvron et al. 2023, arXiv 2307.09288, eq. 2); the second keeps scores around 0 (Eisenstein et al. 2023,
    arXiv 2312.09244, section 2), which differences alone leave free. At equal scores and no margin it is ln 2.
    """
    return -F.logsigmoid(chosen - rejected - margins) + centring * (chosen + rejected) ** 2


def accuracies(chosen: Tensor, rejected: Tensor) -> Tensor:
    """1 for each pair (n,) whose chosen answer has the higher score, 0 for a lower one, ½ for a tie."""
    return 0.5 * (1 + torch.sign(chosen - rejected))


def calibration_statistics(chosen: Tensor, rejected: Tensor) -> Tensor:
    """(n, 3 · `BINS`): each pair's confidence, accuracy and count, in the columns of its confidence's bin.

    The confidence σ(|chosen − rejected|) is the model's probability that the answer it prefers is the better one.
    `calibration_error` makes a number of the sums.
    """
    confidence = torch.sigmoid((chosen - rejected).abs())
    bins = ((confidence - 0.5) * 2 * BINS).long().clamp(max=BINS - 1)
    found = torch.zeros(len(chosen), 3, BINS, dtype=chosen.dtype, device=chosen.device)
    each = torch.stack([confidence, accuracies(chosen, rejected), torch.ones_like(confidence)], 1)
    found.scatter_(2, bins[:, None, None].expand(-1, 3, 1), each[:, :, None])
    return found.flatten(1)
