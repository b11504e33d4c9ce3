"""Tiny packs trained by two processes; `main` wants a process of its own and leaves FOLDER/ranks.json."""

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from rank_scenes import TWO
from tiny_models import full, llama, lora
from tiny_training import MemoryJournal, data, members, sft

from tunegrid import interrupt
from tunegrid.hardware import Hardware
from tunegrid.hardware.place import here, take
from tunegrid.hardware.ranks import together
from tunegrid.method import Method
from tunegrid.objective.sft import Keep, Sft
from tunegrid.pack.pack import Pack

PREPARED = data(validation_rows=70)  # three batches: two for rank 0, one for rank 1


@dataclass(frozen=True, slots=True)
class Case:
    """A pack and how it is trained."""

    methods: list[Method]
    objectives: list[Sft]


CASES = {
    "pack": Case(
        [lora(1), lora(4, alpha=8), lora(16, targets=("query", "key", "value", "output"))],
        [
            sft(),
            sft(learning_rate=3e-3, label_smoothing=0.1, batch_size=3),
            sft(clip_norm=0.1, steps=15, batch_size=1),  # nothing for rank 1
        ],
    ),
    "full": Case([full()], [sft(keep=Keep.best)]),
    "dropout": Case([lora(4, dropout=0.1), lora(8)], [sft(learning_rate=1e-2, keep=Keep.best)] * 2),
}

STOP_AT = 7


@dataclass(frozen=True, slots=True)
class CellOutcome:
    """What one cell's training came to; floats survive JSON."""

    rows: list[dict[str, float]]
    validation: list[list[float]]
    tokens: int
    weights: dict[str, float]
    """The sum of each of its parameters."""


def train(
    name: str, folder: Path, hardware: Hardware, report: Callable[[int, int, str], None] = lambda *_: None
) -> list[CellOutcome]:
    """Train a case on a fresh tiny Llama."""
    case = CASES[name]
    cells = members(*case.methods)
    pack = Pack(llama(), cells, pad=0)
    journals = [MemoryJournal(folder / cell.name) for cell in cells]
    trained = case.objectives[0].train(pack, case.objectives, PREPARED, hardware, journals, report)
    return [
        CellOutcome(
            journals[i].rows,
            trained[i].validation.tolist(),
            trained[i].tokens,
            {key: float(p.detach().double().sum()) for key, p in pack.trainable(cell).items()},
        )
        for i, cell in enumerate(cells)
    ]


def every_scene(folder: Path) -> dict[str, list[CellOutcome]]:
    """What both ranks do; each scene has a meeting of its own."""
    torch.set_num_threads(1)
    outcomes = {}
    for name in CASES:
        meet(name)
        outcomes[name] = train(name, folder / name, TWO)
    meet("cut")
    with suppress(interrupt.Interrupted, RuntimeError):  # rank 1 finds rank 0 gone, and would be killed
        train("dropout", folder / "cut", TWO, stop if here().rank == 0 else lambda *_: None)
        raise AssertionError("was not stopped")
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    meet("resumed")
    outcomes["resumed"] = train("dropout", folder / "cut", TWO)
    return outcomes


def meet(scene: str) -> None:
    place = here()
    assert place.meeting is not None
    (place.meeting / scene).mkdir(exist_ok=True)
    take(replace(place, meeting=place.meeting / scene))


def stop(done: int, total: int, note: str) -> None:
    if done == STOP_AT:
        os.kill(os.getpid(), signal.SIGTERM)


def follow(folder: Path) -> None:
    every_scene(folder)


def main() -> None:
    folder = Path(sys.argv[1])
    interrupt.install()
    with together(TWO, follow, folder):
        found = every_scene(folder)
    record = {name: [asdict(cell) for cell in cells] for name, cells in found.items()}
    (folder / "ranks.json").write_text(json.dumps(record))
