"""Training a pack of reward models. Imports torch and lightning."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from tunegrid.adaptation.scalar_head import ScalarHead
from tunegrid.data.pairs import PairRows
from tunegrid.data.tokenized import PreparedData
from tunegrid.hardware import Hardware
from tunegrid.hardware.machine import device_of
from tunegrid.objective import Journal, Objective, Trained
from tunegrid.objective.cell_state import CellState
from tunegrid.objective.fit import Around, fit, trained
from tunegrid.objective.master_weights import MasterWeights
from tunegrid.objective.reward import Preference
from tunegrid.objective.reward_module import CellPairs, RewardModule
from tunegrid.objective.sft_training import VALIDATION_ROWS, rows_at
from tunegrid.pack.batch import Row
from tunegrid.pack.pack import Member, Pack
from tunegrid.seeds import stream


def train_scorers(
    pack: Pack,
    objectives: Sequence[Objective],
    data: PreparedData,
    hardware: Hardware,
    journals: Sequence[Journal],
    report: Callable[[int, int, str], None],
) -> list[Trained]:
    """See `Objective.train`. Leaves heads in the pack, whose scores have mean 0 on the validation answers."""
    assert data.pairs is not None
    for note in data.pairs.notes:
        print(note, file=sys.stderr)
    members = zip(pack.members, objectives, strict=True)
    states = [state_of(pack, member, own) for member, own in members if isinstance(own, Preference)]
    around = Around(hardware, dict(zip((s.member.name for s in states), journals, strict=True)), report)
    module = RewardModule(pack, states, hardware.tokens_per_pass, around.log_row)
    fit(module, states, partial(cell_pairs, data.pairs.train), PairBatches(data.pairs.validation), around)
    pack.adapted.to(device_of(hardware))  # Lightning leaves it on the CPU
    for state in states:
        state.restore_kept()
        _centre(state)
    return [trained(state, len(data.pairs.train)) for state in states]


def state_of(pack: Pack, member: Member, objective: Preference) -> CellState[Preference]:
    """A reward model before its first step, with a head of its own."""
    head = ScalarHead.on(pack.base, None, stream(member.seed, "head"))
    pack.attached[member.name] = attached = replace(pack.attached[member.name], head=head)
    named = {**pack.trainable(member), **{f"head/{key}": p for key, p in head.named_parameters()}}
    return CellState(member, objective, attached, MasterWeights.of(named))


def cell_pairs(pairs: PairRows, state: CellState, step: int) -> CellPairs:
    """What a cell brings to a step."""
    indices = state.row_indices(step, len(pairs))
    return CellPairs(state.member.name, *pairs_at(pairs, indices), state.generator(step))


def pairs_at(pairs: PairRows, indices: Sequence[int]) -> tuple[list[Row], Tensor]:
    """Some pairs as tensors: chosen and rejected answer of each in turn, and the margins."""
    rows = rows_at(pairs.rows, [row for i in indices for row in (2 * i, 2 * i + 1)])
    return rows, torch.from_numpy(pairs.margins[list(indices)])


class PairBatches(Dataset[tuple[list[Row], Tensor]]):
    """All validation pairs, some at a time, in their order."""

    def __init__(self, pairs: PairRows):
        self.pairs = pairs

    def __len__(self) -> int:
        return len(range(0, len(self.pairs), VALIDATION_ROWS))

    def __getitem__(self, place: int) -> tuple[list[Row], Tensor]:
        if not 0 <= place < len(self):
            raise IndexError(place)
        start = place * VALIDATION_ROWS
        return pairs_at(self.pairs, range(start, min(start + VALIDATION_ROWS, len(self.pairs))))


@torch.no_grad()
def _centre(state: CellState) -> None:
    """Move the scores to mean 0 on the validation answers, which changes no preference."""
    assert state.validation is not None and state.attached.head is not None
    mean = float(state.validation[:, 2:].mean())
    state.attached.head.bias.sub_(mean)
    state.validation = np.subtract(state.validation, [0.0, 0.0, mean, mean])
