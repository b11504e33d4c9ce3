"""A reward model: one score for an answer, learned from which of two answers is better."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tunegrid.config import require, schema
from tunegrid.objective import Journal, Objective, Trained, check_machine
from tunegrid.objective.sft import Keep, Optimizer, Schedule

if TYPE_CHECKING:
    from tunegrid.data.tokenized import PreparedData
    from tunegrid.hardware import Hardware
    from tunegrid.pack.pack import Pack
    from tunegrid.reward import Reward
    from tunegrid.run import Run


@schema("objective", "reward")
@dataclass(kw_only=True, slots=True)
class Preference(Objective):
    """A scalar head at an answer's last token, trained on pairs."""

    steps: int
    batch_size: int
    """Pairs in a step of each cell; passes are cut by `hardware.tokens_per_pass`, not by this."""
    optimizer: Optimizer
    learning_rate: float
    schedule: Schedule
    warmup_steps: int
    weight_decay: float
    clip_norm: float | None
    """Largest L2 norm of a cell's gradient; null: not clipped."""
    margin: float
    """By how much the better answer is to be ahead, beside the margin that a pair has of its own."""
    centring: float
    """Weight of the square of a pair's summed scores, which keeps them around 0."""
    validate_every: int
    """Steps between validations; each is also a checkpoint to go on from."""
    patience: int | None
    """Validations in a row without a lower loss after which a cell stops; null: it takes all its steps."""
    keep: Keep

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "validate_every"):
            require(getattr(self, name) >= 1, f"objective.{name}", "be at least 1", getattr(self, name))
        require(self.learning_rate > 0, "objective.learning_rate", "be above 0", self.learning_rate)
        for name in ("weight_decay", "margin", "centring"):
            require(getattr(self, name) >= 0, f"objective.{name}", "be at least 0", getattr(self, name))
        rule = f"be between 0 and objective.steps ({self.steps})"
        require(0 <= self.warmup_steps <= self.steps, "objective.warmup_steps", rule, self.warmup_steps)
        clip, patience = self.clip_norm, self.patience
        require(clip is None or clip > 0, "objective.clip_norm", "be above 0 or null", clip)
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
            "margin",
            "centring",
            "patience",
            "keep",
        )

    def check(self, run: "Run") -> None:
        Objective.check(self, run)
        check_machine(run)

    def compares(self) -> bool:
        return True

    def writes(self) -> bool:
        return False

    def statistics(self, validation: np.ndarray) -> Mapping[str, np.ndarray]:
        from torch import from_numpy

        from tunegrid.loss.preference import accuracies, calibration_statistics

        chosen, rejected = from_numpy(validation[:, 2]), from_numpy(validation[:, 3])
        accuracy = np.stack([accuracies(chosen, rejected).numpy(), validation[:, 1]], 1)
        calibration = calibration_statistics(chosen, rejected).numpy()
        return {"val_loss": validation[:, :2], "pair_accuracy": accuracy, "pair_calibration_error": calibration}

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
        from tunegrid.objective.reward_training import train_scorers

        return train_scorers(pack, objectives, data, hardware, journals, report)
