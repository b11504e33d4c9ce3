"""Supervised fine-tuning of a pack: its states, and the rows of its steps. Imports torch and lightning."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from tunegrid.data.tokenized import PreparedData, TokenizedRows
from tunegrid.hardware import Hardware
from tunegrid.hardware.collective import connected
from tunegrid.hardware.machine import device_of, spread
from tunegrid.hardware.place import here
from tunegrid.objective import Journal, Objective, Trained
from tunegrid.objective.cell_state import CellState
from tunegrid.objective.fit import Around, fit, trained
from tunegrid.objective.master_weights import MasterWeights
from tunegrid.objective.pack_module import PackModule
from tunegrid.objective.row_order import rows_of_step
from tunegrid.objective.sft import Sft
from tunegrid.pack.batch import CellRows, Row
from tunegrid.pack.pack import Pack

VALIDATION_ROWS = 32
"""Rows in a validation batch; passes are cut by tokens afterwards."""


def train_pack(
    pack: Pack,
    objectives: Sequence[Objective],
    data: PreparedData,
    hardware: Hardware,
    journals: Sequence[Journal],
    report: Callable[[int, int, str], None],
) -> list[Trained]:
    """See `Objective.train`. Goes on from the cells' checkpoints where there are any."""
    with connected(device_of(hardware)), spread(hardware, pack):
        states = _states(pack, objectives)
        around = Around(hardware, dict(zip((s.member.name for s in states), journals, strict=True)), report)
        module = PackModule(pack, states, hardware.tokens_per_pass, around.log_row)
        shown = partial(_shown, pack, data.train)
        fit(module, states, partial(cell_rows, data.train), ValidationBatches(data.validation), around, shown)
        for state in states:
            state.restore_kept()
    return [trained(state, len(data.train)) for state in states]


def _states(pack: Pack, objectives: Sequence[Objective]) -> list[CellState[Sft]]:
    members = zip(pack.members, objectives, strict=True)
    return [
        CellState(member, objective, pack.attached[member.name], MasterWeights.of(pack.trainable(member)))
        for member, objective in members
        if isinstance(objective, Sft)
    ]


@torch.no_grad()
def _shown(pack: Pack, rows: TokenizedRows, state: CellState[Sft]) -> Iterator[None]:
    """Run a cell's training rows through its model one by one, without padding, in the order of its first epoch."""
    name = state.member.name
    for place in range(len(rows)):
        row = rows_at(rows, rows_of_step(state.member.seed, place, 1, len(rows)))
        batch = pack.forward.collate([CellRows(name, pack.own_rows(name, row), None)])
        with pack.router.over(*batch.shares):
            pack.forward.losses(batch, torch.zeros(len(batch.labels.ids), device=pack.base.device), 0.0)
        yield


def cell_rows(rows: TokenizedRows, state: CellState, step: int) -> CellRows:
    """What a cell brings to a step."""
    own = rows_at(rows, state.row_indices(step, len(rows)))
    return CellRows(state.member.name, own, state.generator(step, here().rank))


def rows_at(rows: TokenizedRows, indices: Sequence[int]) -> list[Row]:
    """Some rows as tensors."""
    return [Row(_ids(rows.prompt(i)), _ids(rows.completion(i)), int(rows.tasks[i])) for i in indices]


def _ids(side: np.ndarray) -> Tensor:
    return torch.from_numpy(side.astype(np.int64))


class ValidationBatches(Dataset[list[Row]]):
    """All validation rows, some at a time, in their order."""

    def __init__(self, rows: TokenizedRows):
        self.rows = rows

    def __len__(self) -> int:
        return len(range(0, len(self.rows), VALIDATION_ROWS))

    def __getitem__(self, place: int) -> list[Row]:
        if not 0 <= place < len(self):
            raise IndexError(place)
        start = place * VALIDATION_ROWS
        return rows_at(self.rows, range(start, min(start + VALIDATION_ROWS, len(self.rows))))
