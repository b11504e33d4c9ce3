"""What rows cost under each cell's weights, row by row. Imports torch."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tunegrid.pack.batch import Batch, CellRows
from tunegrid.pack.pack import Pack


def likelihoods(pack: Pack, piece: Sequence[CellRows]) -> list[np.ndarray]:
    """(rows, 2) float64 for each cell of a pass: a row's nll sum in nats, and its label count."""
    batch = pack.forward.collate(piece)
    with pack.router.over(*batch.shares):
        nll = unweighted(pack, batch)[1]
    sums = _sums_by_row(nll, batch.labels.rows, sum(len(cell.rows) for cell in piece))
    return np.split(sums, np.cumsum([len(cell.rows) for cell in piece])[:-1])


def unweighted(pack: Pack, batch: Batch) -> tuple[Tensor, Tensor]:
    """A loss of 0, and the plain nll of each label."""
    nothing = torch.zeros(len(batch.labels.ids), device=pack.base.device)
    return pack.forward.losses(batch, nothing, 0.0)


def _sums_by_row(nll: Tensor, rows: Tensor, count: int) -> np.ndarray:
    sums = torch.zeros(count, 2, dtype=torch.float64)
    both = torch.stack([nll.double().cpu(), torch.ones(len(nll), dtype=torch.float64)], 1)
    return sums.index_add_(0, rows.cpu(), both).numpy()
