"""The LightningModule of reward models, several cells on one base. Imports torch and lightning."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.optim import Optimizer

from tunegrid.loss.preference import accuracies, pairwise_loss
from tunegrid.objective.cell_state import CellState
from tunegrid.objective.cut import cut
from tunegrid.objective.pack_module import adamw
from tunegrid.objective.passes import tokens_of
from tunegrid.objective.reward import Preference
from tunegrid.pack.batch import CellRows, Row
from tunegrid.pack.pack import Pack

LogRow = Callable[[CellState[Preference], Mapping[str, float]], None]
BEHIND = torch.zeros(1, dtype=torch.int64)
"""A token behind an answer, never read: the state that would predict it has read the whole answer."""


@dataclass(frozen=True, slots=True)
class CellPairs:
    """The pairs one cell brings to a step."""

    name: str
    rows: Sequence[Row]
    """Chosen and rejected answer of each pair in turn."""
    margins: Tensor
    """(pairs,)"""
    generator: torch.Generator | None


class RewardModule(LightningModule):
    """Trains the cells of a pack, each with a head, in passes of its own."""

    def __init__(self, pack: Pack, states: Sequence[CellState[Preference]], tokens_per_pass: int, log_row: LogRow):
        super().__init__()
        self.automatic_optimization = False
        self.pack, self.states = pack, {state.member.name: state for state in states}
        self.model = pack.adapted
        self.tokens_per_pass, self.log_row = tokens_per_pass, log_row
        self.optimizer = adamw([state for state in states if state.parameters])
        self._validation: dict[str, list[np.ndarray]] = {}

    def configure_optimizers(self) -> Optimizer | None:
        """One AdamW with parameter groups for each cell; it exists before fitting, so that checkpoints can fill it."""
        return self.optimizer

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Leave rows where they are: collating them into a pass puts them on the device."""
        return batch

    def training_step(self, batch: list[CellPairs], batch_idx: int) -> None:
        """Take one optimiser step of every cell that has one to take."""
        cells = [pairs for pairs in batch if self.states[pairs.name].active()]
        if not cells or self.optimizer is None:
            return
        self.optimizer.zero_grad(set_to_none=True)
        rows = {pairs.name: self._before_step(pairs) for pairs in cells}
        self.optimizer.step()
        for name, row in rows.items():
            state = self.states[name]
            if not state.diverged:
                state.step += 1
                state.attached.after_step(state.step)
                state.weights.publish()
            self.log_row(state, row)

    def _before_step(self, pairs: CellPairs) -> dict[str, float]:
        assert self.optimizer is not None
        state = self.states[pairs.name]
        if pairs.generator is not None:
            state.attached.before_step(pairs.generator)
        rate = state.learning_rate()
        for group in self.optimizer.param_groups:
            if group["cell"] == pairs.name:
                group["lr"] = group["factor"] * rate
        loss, accuracy = self.accumulate(pairs)
        state.loss, norm = loss, state.clip()
        state.tokens += sum(map(tokens_of, pairs.rows))
        if not np.isfinite([loss, norm]).all():
            state.stop_diverged()
        found = {"loss": loss, "accuracy": accuracy, "grad_norm": norm, "learning_rate": rate}
        return {**found, "tokens": float(state.tokens)}

    def accumulate(self, pairs: CellPairs) -> tuple[float, float]:
        """Add the gradient of a cell's mean loss, however passes are cut; the loss, and the share ranked right."""
        objective, count = self.states[pairs.name].objective, len(pairs.margins)
        loss = accuracy = 0.0
        for part in self._passes(pairs):
            chosen, rejected = self.scores(part)
            margins = part.margins.to(chosen.device) + objective.margin
            own = pairwise_loss(chosen, rejected, margins, objective.centring).sum() / count
            own.backward()
            loss += float(own.detach())
            accuracy += float(accuracies(chosen.detach(), rejected.detach()).sum()) / count
        penalty = self.states[pairs.name].attached.penalty()
        if penalty is not None:
            penalty.backward()
        return loss, accuracy

    def scores(self, pairs: CellPairs) -> tuple[Tensor, Tensor]:
        """(pairs,) of the chosen and (pairs,) of the rejected answers."""
        rows = [Row(row.prompt, torch.cat([row.completion, BEHIND])) for row in pairs.rows]
        own = CellRows(pairs.name, self.pack.own_rows(pairs.name, rows), pairs.generator)
        batch = self.pack.forward.collate([own])
        last = torch.tensor([len(row.completion) for row in rows]).cumsum(0) - 1
        head = self.pack.attached[pairs.name].head
        assert head is not None
        with self.pack.router.over(*batch.shares):
            found: Tensor = head(self.pack.forward.states(batch)[last.to(self.pack.base.device)])
        chosen, rejected = found.view(-1, 2).unbind(1)
        return chosen, rejected

    def _passes(self, pairs: CellPairs) -> Iterator[CellPairs]:
        """The pairs in passes of at most so many tokens; a pair is never divided."""
        tokens = [tokens_of(one) + tokens_of(two) for one, two in zip(pairs.rows[::2], pairs.rows[1::2], strict=True)]
        for (piece,) in cut([tokens], self.tokens_per_pass, strict=True):
            own = piece.rows
            rows = pairs.rows[2 * own.start : 2 * own.stop]
            yield CellPairs(pairs.name, rows, pairs.margins[own], pairs.generator)

    def on_validation_epoch_start(self) -> None:
        """Begin a validation of every cell that is due for one."""
        self._validation = {name: [] for name, state in self.states.items() if state.due_for_validation()}

    def validation_step(self, batch: tuple[Sequence[Row], Tensor], batch_idx: int) -> None:
        """Score some validation pairs under every cell's weights."""
        for name, parts in self._validation.items():
            parts += [self._validated(part) for part in self._passes(CellPairs(name, *batch, None))]

    def _validated(self, pairs: CellPairs) -> np.ndarray:
        """(pairs, 4): the plain loss, its count of 1, the score of the chosen answer, that of the rejected one."""
        chosen, rejected = (side.double().cpu() for side in self.scores(pairs))
        loss = pairwise_loss(chosen, rejected, torch.zeros_like(chosen), 0.0)
        return torch.stack([loss, torch.ones_like(loss), chosen, rejected], 1).numpy()

    def on_validation_epoch_end(self) -> None:
        """Hand each cell its validation."""
        for name, parts in self._validation.items():
            state, rows = self.states[name], np.concatenate(parts)
            right = accuracies(torch.from_numpy(rows[:, 2]), torch.from_numpy(rows[:, 3])).mean()
            self.log_row(state, {"val_loss": state.validated(rows), "val_accuracy": float(right)})
