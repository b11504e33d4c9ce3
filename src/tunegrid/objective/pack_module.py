"""The LightningModule of supervised fine-tuning. A pack of one is the ordinary run. Imports torch and lightning."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import nn
from torch.optim import Optimizer

from tunegrid.hardware.collective import sum_gradients, sum_over_ranks
from tunegrid.objective.cell_state import CellState
from tunegrid.objective.optimizer import make_optimizer
from tunegrid.objective.passes import passes, tokens_of
from tunegrid.pack.batch import CellRows, Row
from tunegrid.pack.likelihood import likelihoods, unweighted
from tunegrid.pack.pack import Pack

LogRow = Callable[[CellState, Mapping[str, float]], None]


class PackModule(LightningModule):
    """Trains the cells of a pack side by side: one forward over all rows, one loss, clip, schedule and group each."""

    def __init__(self, pack: Pack, states: Sequence[CellState], tokens_per_pass: int, log_row: LogRow):
        super().__init__()
        self.automatic_optimization = False
        self.pack, self.states = pack, {state.member.name: state for state in states}
        self.model = pack.adapted
        self.tokens_per_pass, self.log_row = tokens_per_pass, log_row
        self._validation: dict[str, list[np.ndarray]] = {}
        self._validation_passes: list[int] = []
        self.optimizer = adamw([state for state in states if state.parameters])

    @property
    def device(self) -> torch.device:
        """That of the weights, which Lightning does not move if they are divided."""
        return self.pack.base.device

    def configure_optimizers(self) -> Optimizer | None:
        """One AdamW with a parameter group for each cell; it exists before fitting, so that checkpoints can fill it."""
        return self.optimizer

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Leave rows where they are: collating them into a pass puts them on the device."""
        return batch

    def training_step(self, batch: list[CellRows], batch_idx: int) -> None:
        """Take one optimiser step of every cell that has one to take."""
        cells = [rows for rows in batch if self.states[rows.name].active()]
        if not cells:
            return
        optimizer = cast(LightningOptimizer, self.optimizers())
        optimizer.zero_grad(set_to_none=True)
        for cell in cells:
            if cell.generator is not None:
                self.states[cell.name].attached.before_step(cell.generator)
        self._step(optimizer, self._backward(cells))

    def _backward(self, cells: Sequence[CellRows]) -> dict[str, float]:
        """Accumulate every cell's gradient over all ranks; returns each cell's mean loss over its own labels."""
        labels = {cell.name: sum(len(row.completion) for row in cell.rows) for cell in cells}
        losses = dict.fromkeys(labels, 0.0)
        for piece in self._grouped(self._shares(cells, self.trainer.global_rank)):
            batch = self.pack.forward.collate(piece)
            counts = torch.tensor(batch.labels.counts)
            shares = torch.tensor([1 / labels[cell.name] for cell in piece]).repeat_interleave(counts)
            smoothing = self.states[piece[0].name].objective.label_smoothing
            with self.pack.router.over(*batch.shares):
                total, nll = self.pack.forward.losses(batch, shares.to(self.device), smoothing)
                self.manual_backward(total)
            for cell, part in zip(piece, nll.split(list(batch.labels.counts)), strict=True):
                losses[cell.name] += float(part.sum()) / labels[cell.name]
        if self.pack.forward.joint:
            ranks = range(self.trainer.world_size)
            by_rank = [len(self._grouped(self._shares(cells, rank))) for rank in ranks]
            self._keep_up(by_rank, self._own(CellRows(cells[0].name, cells[0].rows[:1], None)))
        for cell in cells:
            self.states[cell.name].tokens += sum(map(tokens_of, cell.rows))
            self._add_penalty(cell.name)
        sum_gradients([p for name in losses for p in self.states[name].parameters.values()])
        summed = sum_over_ranks(torch.tensor(list(losses.values()), dtype=torch.float64, device=self.device))
        return dict(zip(losses, summed.tolist(), strict=True))

    def _add_penalty(self, name: str) -> None:
        """Add the gradient of what a method has added to its cell's loss, on one rank: the ranks' are summed."""
        penalty = self.states[name].attached.penalty()
        if penalty is not None and self.trainer.is_global_zero:
            self.manual_backward(penalty)

    def _keep_up(self, passes_by_rank: Sequence[int], rows: CellRows) -> None:
        """Run as many passes as the rank that runs most, because each takes all ranks; `rows` count nothing in them."""
        for _ in range(max(passes_by_rank) - passes_by_rank[self.trainer.global_rank]):
            batch = self.pack.forward.collate([rows])
            with self.pack.router.over(*batch.shares):
                nothing = unweighted(self.pack, batch)[0]
                if nothing.requires_grad:
                    self.manual_backward(nothing)

    def _shares(self, cells: Sequence[CellRows], rank: int) -> list[CellRows]:
        """Of each cell's rows those that a rank runs; there may be none."""
        own = [CellRows(cell.name, cell.rows[rank :: self.trainer.world_size], cell.generator) for cell in cells]
        return [self._own(cell) for cell in own]

    def _own(self, cell: CellRows) -> CellRows:
        """The rows behind the cell's virtual tokens."""
        return CellRows(cell.name, self.pack.own_rows(cell.name, cell.rows), cell.generator)

    def _grouped(self, cells: Sequence[CellRows]) -> list[list[CellRows]]:
        """Passes of cells with one label smoothing each."""
        values = sorted({self.states[cell.name].objective.label_smoothing for cell in cells})
        return [
            piece
            for value in values
            for piece in passes(
                [c for c in cells if self.states[c.name].objective.label_smoothing == value],
                self.tokens_per_pass,
                self.pack.strict,
            )
        ]

    def _step(self, optimizer: LightningOptimizer, losses: Mapping[str, float]) -> None:
        """Clip and step every cell that brought rows; one with a loss or gradient that is not finite stops before."""
        for group in optimizer.param_groups:
            group["lr"] = group["factor"] * self.states[group["cell"]].learning_rate()
        rows = {name: self._before_step(self.states[name], loss) for name, loss in losses.items()}
        optimizer.step()
        for name, row in rows.items():
            state = self.states[name]
            if not state.diverged:
                state.step += 1
                state.attached.after_step(state.step)
                state.weights.publish()
            self.log_row(state, row)

    def _before_step(self, state: CellState, loss: float) -> dict[str, float]:
        state.loss, norm = loss, state.clip()
        row = {"loss": loss, "grad_norm": norm, "learning_rate": state.learning_rate(), "tokens": float(state.tokens)}
        if not np.isfinite([loss, norm]).all():
            state.stop_diverged()
        return row

    def on_validation_epoch_start(self) -> None:
        """Begin a validation of every cell that is due for one: Lightning also validates where a signal stops it."""
        self._validation = {name: [] for name, state in self.states.items() if state.due_for_validation()}
        self._validation_passes = [0] * self.trainer.world_size

    def validation_step(self, batch: list[Row], batch_idx: int) -> None:
        """Add the losses of some validation rows, under every cell's weights; ranks take the batches in turn.

        Whole batches, so that a row's loss does not depend on how many ranks there are; another's rows count as zeros.
        """
        cells = [self._own(CellRows(name, batch, None)) for name in self._validation]
        pieces = passes(cells, self.tokens_per_pass, self.pack.strict)
        turn = batch_idx % self.trainer.world_size
        self._validation_passes[turn] += len(pieces)
        if turn == self.trainer.global_rank:
            for piece in pieces:
                for cell, part in zip(piece, likelihoods(self.pack, piece), strict=True):
                    self._validation[cell.name].append(part)
        else:
            for parts in self._validation.values():
                parts.append(np.zeros((len(batch), 2)))
        if self.pack.forward.joint and cells and batch_idx + 1 == self.trainer.num_val_batches[0]:
            self._keep_up(self._validation_passes, CellRows(cells[0].name, cells[0].rows[:1], None))

    def on_validation_epoch_end(self) -> None:
        """Hand each cell its validation."""
        for name, parts in self._validation.items():
            state = self.states[name]
            rows = sum_over_ranks(torch.from_numpy(np.concatenate(parts)).to(self.device))
            self.log_row(state, {"val_loss": state.validated(rows.cpu().numpy())})


def adamw(states: Sequence[CellState]) -> Optimizer | None:
    """One optimiser with groups of each cell's own; None where no cell trains anything."""
    groups = [
        {"params": own, "cell": state.member.name, "factor": factor, "weight_decay": state.objective.weight_decay}
        for state in states
        for factor, own in _by_factor(state).items()
    ]
    return make_optimizer(states[0].objective.optimizer, groups) if groups else None  # one for the whole pack


def _by_factor(state: CellState) -> dict[float, list[nn.Parameter]]:
    """A cell's parameters by the factor of their learning rate."""
    found: dict[float, list[nn.Parameter]] = {}
    for name, parameter in state.parameters.items():
        found.setdefault(state.attached.adaptation.rate_factor(name), []).append(parameter)
    return found
