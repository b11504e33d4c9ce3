"""What the numbers are computed on. Never part of a cell's identity: it is recorded with the result instead."""

from dataclasses import dataclass
from enum import Enum

from tunegrid.config import require, schema


class Accelerator(Enum):
    """Where tensors live."""

    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"


class Precision(Enum):
    """Of the base model's weights and products; adapters and optimiser states are always float32."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"


@schema("hardware", "machine")
@dataclass(kw_only=True, slots=True)
class Hardware:
    """One machine, or one of its GPUs."""

    accelerator: Accelerator
    """`auto`: the GPU if there is one."""
    precision: Precision
    """`auto`: bfloat16 where the processor multiplies it natively, else float32."""
    threads: int | None
    """CPU threads; null: every core this process may use."""
    tokens_per_pass: int
    """Tokens that go through the model at once. A step of a pack is as many passes as this needs: beyond the point
    where the matrix products are efficient, larger passes only cost memory."""
    generation_rows: int
    """Sequences (prompts × beams) decoded at once."""

    def __post_init__(self) -> None:
        require(self.threads is None or self.threads >= 1, "hardware.threads", "be at least 1 or null", self.threads)
        require(self.tokens_per_pass >= 1, "hardware.tokens_per_pass", "be at least 1", self.tokens_per_pass)
        require(self.generation_rows >= 1, "hardware.generation_rows", "be at least 1", self.generation_rows)
