"""Training a pack: states, Trainer, checkpoints, and what it came to. Imports torch and lightning."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tunegrid import interrupt
from tunegrid.data.tokenized import PreparedData, TokenizedRows
from tunegrid.hardware import Hardware
from tunegrid.hardware.collective import connected
from tunegrid.hardware.machine import device_of, spread, trainer
from tunegrid.hardware.place import here
from tunegrid.objective import Journal, Objective, Trained
from tunegrid.objective.cell_state import CellState
from tunegrid.objective.checkpoint import load_checkpoint
from tunegrid.objective.master_weights import MasterWeights
from tunegrid.objective.pack_module import PackModule
from tunegrid.objective.row_order import rows_of_step
from tunegrid.objective.sft import Sft
from tunegrid.objective.watch import Watch
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
        _train(pack, states, data, hardware, dict(zip((s.member.name for s in states), journals, strict=True)), report)
        for state in states:
            state.restore_kept()
    return [_trained(state, len(data.train)) for state in states]


def _train(
    pack: Pack,
    states: Sequence[CellState],
    data: PreparedData,
    hardware: Hardware,
    journals: Mapping[str, Journal],
    report: Callable[[int, int, str], None],
) -> None:
    module = PackModule(pack, states, hardware.tokens_per_pass, _logger(journals))
    _resume(states, module, journals)
    for state in states:
        if not state.step:
            state.attached.before_training(_shown(pack, state, data.train))
    validate_every = _shared_validate_every(states)
    steps = DataLoader(Steps(states, data.train, validate_every), batch_size=None)
    validation: DataLoader[list[Row]] = DataLoader(ValidationBatches(data.validation), batch_size=None)
    lightning = trainer(hardware, validate_every, [Watch(states, journals, report)])
    if len(steps):
        with interrupt.deferred():
            lightning.fit(module, steps, validation)
    if any(state.validated_step != state.step for state in states):
        lightning.validate(module, validation, verbose=False)


def _states(pack: Pack, objectives: Sequence[Objective]) -> list[CellState]:
    members = zip(pack.members, objectives, strict=True)
    return [
        CellState(member, objective, pack.attached[member.name], MasterWeights.of(pack.trainable(member)))
        for member, objective in members
        if isinstance(objective, Sft)
    ]


@torch.no_grad()
def _shown(pack: Pack, state: CellState, rows: TokenizedRows) -> Iterator[None]:
    """Run a cell's training rows through its model one by one, without padding, in the order of its first epoch."""
    name = state.member.name
    for place in range(len(rows)):
        row = rows_at(rows, rows_of_step(state.member.seed, place, 1, len(rows)))
        batch = pack.forward.collate([CellRows(name, pack.own_rows(name, row), None)])
        with pack.router.over(*batch.shares):
            pack.forward.losses(batch, torch.zeros(len(batch.labels.ids), device=pack.base.device), 0.0)
        yield


def _shared_validate_every(states: Sequence[CellState]) -> int:
    return states[0].objective.validate_every  # not among `per_cell`: the same for the whole pack


def _resume(states: Sequence[CellState], module: PackModule, journals: Mapping[str, Journal]) -> None:
    for state in states:
        journal = journals[state.member.name]
        if module.optimizer is not None:
            load_checkpoint(state, module.optimizer, journal.folder)
        journal.rewind(state.step)  # an attempt without a good checkpoint leaves rows too


def _trained(state: CellState, rows: int) -> Trained:
    assert state.validation is not None
    return Trained(
        steps=state.step,
        kept_step=state.kept_step,
        tokens=state.tokens,
        seconds=state.seconds,
        validation_seconds=state.validation_seconds,
        validation=state.validation,
        diverged=state.diverged,
        diverged_rows=state.row_indices(state.step, rows) if state.diverged else (),
        pruned=state.pruned,
    )


def _logger(journals: Mapping[str, Journal]) -> Callable[[CellState, Mapping[str, float]], None]:
    return lambda state, values: journals[state.member.name].log(state.step, values)


class Steps(Dataset[list[CellRows]]):
    """The rows that every cell brings to each step of a pack, a function of the step alone."""

    def __init__(self, states: Sequence[CellState], rows: TokenizedRows, validate_every: int):
        trained = [state for state in states if state.active()]
        self.rows, self.starts = rows, {state.member.name: state.step for state in trained}
        self.states = trained
        first = min(self.starts.values(), default=0)
        self.idle = first % validate_every
        """Empty steps that put Lightning's validation clock back in phase when a pack goes on from a checkpoint."""
        self.length = max((s.objective.steps - s.step for s in trained), default=0)

    def __len__(self) -> int:
        return self.length and self.idle + self.length

    def __getitem__(self, place: int) -> list[CellRows]:
        offset = place - self.idle
        if not 0 <= offset < self.length:
            return []
        steps = [(state, self.starts[state.member.name] + offset) for state in self.states]
        return [self._of_cell(state, step) for state, step in steps if step < state.objective.steps]

    def _of_cell(self, state: CellState, step: int) -> CellRows:
        rows = rows_at(self.rows, state.row_indices(step, len(self.rows)))
        return CellRows(state.member.name, rows, state.generator(step, here().rank))


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
