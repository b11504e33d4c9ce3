"""Packs of tiny models trained in memory, for the tests of objectives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tiny_models import llama, random_rows
from torch import nn
from transformers import PreTrainedModel

from tunegrid.adaptation.attached import Attached
from tunegrid.adaptation.nothing import Nothing
from tunegrid.data.token_rows import PreparedData, TokenizedRows
from tunegrid.hardware import Accelerator, Hardware, Precision, Strategy
from tunegrid.method import Method
from tunegrid.objective import Trained
from tunegrid.objective.cell_state import CellState
from tunegrid.objective.master_weights import MasterWeights
from tunegrid.objective.sft import Keep, Optimizer, Schedule, Sft
from tunegrid.pack.pack import Member, Pack

MACHINE = Hardware(
    accelerator=Accelerator.cpu,
    devices=1,
    strategy=Strategy.single,
    precision=Precision.float32,
    threads=1,
    tokens_per_pass=256,
    generation_rows=8,
    latency_tokens=None,
)


def sft(**changes: object) -> Sft:
    """An objective of 20 steps, changed in some fields."""
    base = Sft(
        optimizer=Optimizer.adamw,
        steps=20,
        batch_size=4,
        learning_rate=1e-3,
        schedule=Schedule.linear,
        warmup_steps=2,
        weight_decay=0.01,
        clip_norm=1.0,
        label_smoothing=0.0,
        validate_every=5,
        patience=None,
        keep=Keep.last,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@dataclass(slots=True)
class MemoryJournal:
    """Keeps rows in a list."""

    folder: Path
    rows: list[dict[str, float]] = field(default_factory=list)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.rows.append({"step": step, **values})

    def rewind(self, step: int) -> None:
        self.rows = [row for row in self.rows if row["step"] <= step]

    def column(self, name: str) -> list[float]:
        return [row[name] for row in self.rows if name in row]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trained pack and what it logged."""

    pack: Pack
    trained: list[Trained]
    journals: list[MemoryJournal]


def data(rows: int = 30, validation_rows: int = 10) -> PreparedData:
    """Random rows; nothing to learn but the rows themselves."""

    def part(count: int, seed: int) -> TokenizedRows:
        return TokenizedRows.of([(r.prompt.tolist(), r.completion.tolist()) for r in random_rows(count, seed)])

    return PreparedData(part(rows, 1), part(validation_rows, 2), [], (0,), "fingerprint", ())


def members(*methods: Method, seeds: Sequence[int] | None = None) -> list[Member]:
    """A member for each method, its name telling its seed and place; PEFT finds AdaLoRA's parameters by `lora_`."""
    numbers = list(seeds or range(len(methods)))
    return [Member(f"cell_{n}_{i}", m, n) for i, (m, n) in enumerate(zip(methods, numbers, strict=True))]


def state(member: Member, parameters: dict[str, nn.Parameter], **counters: int | float) -> CellState:
    """A cell in training, of a model that has nothing but these parameters."""
    return CellState(
        member, sft(), Attached(Nothing(), nn.Module(), member.name), MasterWeights(parameters), **counters
    )


def train(
    of: Sequence[Member],
    objectives: Sequence[Sft],
    folder: Path,
    hardware: Hardware = MACHINE,
    strict: bool = False,
    prepared: PreparedData | None = None,
    base: PreTrainedModel | None = None,
) -> Outcome:
    """Train a pack on a fresh tiny Llama, or on `base`; checkpoints go to `folder/<member>`."""
    pack = Pack(base or llama(), of, pad=0, strict=strict)
    journals = [MemoryJournal(folder / member.name) for member in of]
    trained = objectives[0].train(pack, objectives, prepared or data(), hardware, journals, lambda *_: None)
    return Outcome(pack, trained, journals)
