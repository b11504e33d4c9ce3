"""What every objective that takes steps has settings for."""

from typing import Protocol

from tunegrid.objective.sft import Keep, Schedule


class Stepwise(Protocol):
    """An objective as a cell in training sees it; `Sft` says what the settings mean."""

    steps: int
    batch_size: int
    learning_rate: float
    schedule: Schedule
    warmup_steps: int
    weight_decay: float
    clip_norm: float | None
    validate_every: int
    patience: int | None
    keep: Keep
