"""Supervised fine-tuning: cross-entropy on the completion tokens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from tunegrid.config import require, schema
from tunegrid.objective import Journal, Objective, Trained

if TYPE_CHECKING:
    from tunegrid.data.tokenized import PreparedData
    from tunegrid.hardware import Hardware
    from tunegrid.pack.pack import Pack
    from tunegrid.reward import Reward


class Schedule(Enum):
    """Of the learning rate, after the warm-up."""

    constant = "constant"
    linear = "linear"
    cosine = "cosine"


class Optimizer(Enum):
    """AdamW, and where and how exactly it holds its two means of each trained number."""

    adamw = "adamw"
    """Float32 on the device."""
    paged_adamw = "paged_adamw"
    """Float32, moved to main memory while a GPU needs the room (Dettmers et al. 2023, section 3), by bitsandbytes."""
    paged_adamw_8bit = "paged_adamw_8bit"
    """The same in 8 bits, in blocks of 256 (Dettmers et al. 2021, arXiv 2110.02861); small matrices stay float32."""


class Keep(Enum):
    """Which weights a cell is scored with."""

    best = "best"
    """Those with the lowest validation loss."""
    last = "last"


@schema("objective", "sft")
@dataclass(kw_only=True, slots=True)
class Sft(Objective):
    """AdamW on completion tokens, validated as it goes."""

    optimizer: Optimizer
    steps: int
    batch_size: int
    """Rows in a step of each cell; passes through the model are cut by `hardware.tokens_per_pass`, not by this."""
    learning_rate: float
    schedule: Schedule
    warmup_steps: int
    weight_decay: float
    clip_norm: float | None
    """Largest L2 norm of a cell's gradient; null: not clipped."""
    label_smoothing: float
    """Of the training loss; validation loss is never smoothed."""
    validate_every: int
    """Steps between validations; each is also a checkpoint to go on from."""
    patience: int | None
    """Validations in a row without a lower loss after which a cell stops; null: it takes all its steps."""
    keep: Keep

    def __post_init__(self) -> None:
        require(self.steps >= 1, "objective.steps", "be at least 1", self.steps)
        require(self.batch_size >= 1, "objective.batch_size", "be at least 1", self.batch_size)
        require(self.learning_rate > 0, "objective.learning_rate", "be above 0", self.learning_rate)
        require(
            0 <= self.warmup_steps <= self.steps,
            "objective.warmup_steps",
            f"be between 0 and objective.steps ({self.steps})",
            self.warmup_steps,
        )
        require(self.weight_decay >= 0, "objective.weight_decay", "be at least 0", self.weight_decay)
        require(
            self.clip_norm is None or self.clip_norm > 0, "objective.clip_norm", "be above 0 or null", self.clip_norm
        )
        require(
            0 <= self.label_smoothing < 1,
            "objective.label_smoothing",
            "be at least 0 and below 1",
            self.label_smoothing,
        )
        require(self.validate_every >= 1, "objective.validate_every", "be at least 1", self.validate_every)
        patience = self.patience
        require(patience is None or patience >= 1, "objective.patience", "be at least 1 or null", patience)

    def divisible(self) -> bool:
        return self.optimizer is Optimizer.adamw

    def per_cell(self) -> tuple[str, ...]:
        return (
            "steps",
            "batch_size",
            "learning_rate",
            "schedule",
            "warmup_steps",
            "weight_decay",
            "clip_norm",
            "label_smoothing",
            "patience",
            "keep",
        )

    def statistics(self, validation: np.ndarray) -> Mapping[str, np.ndarray]:
        return {"val_loss": validation, "perplexity": validation}

    def train(
        self,
        pack: "Pack",
        objectives: "Sequence[Objective]",
        data: "PreparedData",
        hardware: "Hardware",
        journals: Sequence[Journal],
        report: Callable[[int, int, str], None],
        reward: "Reward | None" = None,
    ) -> list[Trained]:
        from tunegrid.objective.sft_training import train_pack

        return train_pack(pack, objectives, data, hardware, journals, report)
