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


class Strategy(Enum):
    """How a pack's training is spread over devices; named as Lightning names them."""

    single = "single"
    """One device."""
    ddp = "ddp"
    """A process for each device, with the whole model, its share of every step's rows, and the sum of all gradients."""
    fsdp = "fsdp"
    """As ddp, but of the base's weights, their gradients and optimiser states each process holds its share only."""


@schema("hardware", "machine")
@dataclass(kw_only=True, slots=True)
class Hardware:
    """One machine, or some of its GPUs."""

    accelerator: Accelerator
    """`auto`: the GPU if there is one."""
    devices: int
    """GPUs that train a pack together; on the CPU, processes."""
    strategy: Strategy
    precision: Precision
    """`auto`: bfloat16 where the processor multiplies it natively, else float32."""
    threads: int | None
    """CPU threads of each process; null: its share of the cores that this process may use."""
    tokens_per_pass: int
    """Tokens that go through the model at once. A step of a pack is as many passes as this needs: beyond the point
    where the matrix products are efficient, larger passes only cost memory."""
    generation_rows: int
    """Sequences (prompts × beams) decoded at once."""
    latency_tokens: int | None
    """Tokens decoded one answer at a time to measure each cell's latency beside the base's; null: not measured."""

    def __post_init__(self) -> None:
        alone = self.strategy is Strategy.single
        require(self.devices >= 1, "hardware.devices", "be at least 1", self.devices)
        words = f"be ddp or fsdp for {self.devices} devices"
        require(self.devices == 1 or not alone, "hardware.strategy", words, self.strategy)
        words = f"be at least 2 for strategy {self.strategy.value}"
        require(self.devices > 1 or alone, "hardware.devices", words, self.devices)
        require(self.threads is None or self.threads >= 1, "hardware.threads", "be at least 1 or null", self.threads)
        require(self.tokens_per_pass >= 1, "hardware.tokens_per_pass", "be at least 1", self.tokens_per_pass)
        require(self.generation_rows >= 1, "hardware.generation_rows", "be at least 1", self.generation_rows)
        tokens = self.latency_tokens
        require(tokens is None or tokens >= 1, "hardware.latency_tokens", "be at least 1 or null", tokens)
