"""Cells whose truth is known, made in memory or written as a run writes them, and the spec of their table."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tunegrid.cell.integrity import digests
from tunegrid.cell.result import Cost, Failure, Result, ScoreValue, Status
from tunegrid.metrics import Score
from tunegrid.metrics.combine import corpus_value
from tunegrid.table.cells import CellRecord
from tunegrid.table.spec import FigureSpec, TableSpec

CONFIG: dict[str, Any] = {
    "seed": 0,
    "model": {"name": "gpt2_medium", "path": None},
    "data": {"rows": None, "split_seed": 0},
    "method": {"kind": "lora", "rank": 4, "targets": ["query", "value"]},
    "objective": {"steps": 300, "learning_rate": 2e-4},
    "hardware": {"threads": 2},
    "schema": {"model": "hub", "data": "e2e", "method": "lora", "hardware": "cpu"},
}

SPEC = TableSpec(
    title="Ranks",
    row="method.rank",
    columns=["ROUGE_L"],
    published=None,
    figure=FigureSpec(x="method.rank", y="ROUGE_L"),
    choose=None,
    protocol=[],
    stages=[],
)


def config(rank: int | None, seed: int, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A plain config; rank None is the untrained model."""
    made = copy.deepcopy(CONFIG)
    made["seed"] = seed
    if rank is None:
        made["method"] = {"kind": "base"}
        made["schema"]["method"] = "base"
    else:
        made["method"]["rank"] = rank
    for key, value in (changes or {}).items():
        group, name = key.split(".")
        made[group][name] = value
    return made


def mean_statistics(values: Sequence[float]) -> np.ndarray:
    """(n, 2) statistics of a score that is a mean over items, as ROUGE_L."""
    return np.stack([np.asarray(values, float), np.ones(len(values))], axis=1)


def record(
    rank: int | None,
    seed: int = 0,
    statistics: Mapping[str, np.ndarray] | None = None,
    changes: Mapping[str, Any] | None = None,
    **result_fields: Any,
) -> CellRecord:
    """A cell whose scores are those of its statistics; `result_fields` replace those of its result."""
    made, statistics = config(rank, seed, changes), dict(statistics or {})
    values = {name: corpus_value(Score(name, rows)) for name, rows in statistics.items()}
    result = Result(
        id=f"r{rank}s{seed}",
        status=Status.DONE,
        config=made,
        scores={name: ScoreValue(value=value, low=None, high=None) for name, value in values.items()},
        unavailable={},
        cost=Cost(),
        protocol={"device": "cpu", "precision": "fp32"},
        versions={"torch": "2.13.0"},
        commit="0123abc",
        seeds={},
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:01:00Z",
        error=None,
    )
    result = replace(result, **result_fields)
    return CellRecord(id=result.id, config=made, result=result, statistics=statistics)


def pending(rank: int | None, seed: int) -> CellRecord:
    """A cell that has not run."""
    return CellRecord(id=f"r{rank}s{seed}", config=config(rank, seed), result=None)


def out_of_memory(rank: int, seed: int) -> CellRecord:
    """A cell that ended without scores."""
    failure = Failure(kind="OutOfMemoryError", message="needed 3 GB more")
    return record(rank, seed, status=Status.OOM, error=failure)


def write(cell: CellRecord, folder: Path) -> None:
    """Write samples.json, and result.json, which names it."""
    folder.mkdir(parents=True)
    if cell.result is not None:
        samples = {name: {"statistics": rows.tolist()} for name, rows in cell.statistics.items()}
        (folder / "samples.json").write_text(json.dumps(samples), encoding="utf-8")
        replace(cell.result, files=digests(folder)).write(folder / "result.json")


def sweep(
    quality: Mapping[int | None, float], seeds: int, items: int = 120, seed_noise: float = 0.01
) -> list[CellRecord]:
    """A rank sweep with ROUGE_L around `quality` and a val_loss that mirrors it."""
    generator = np.random.default_rng(0)
    easy = generator.normal(0, 0.1, items)
    cells = []
    for rank in quality:
        for seed in range(1 if rank is None else seeds):
            shift = 0.0 if rank is None else generator.normal(0, seed_noise)
            values = quality[rank] + shift + easy + generator.normal(0, 0.05, items)
            tokens = generator.integers(10, 30, items).astype(float)
            loss = np.stack([(2 - values) * tokens, tokens], axis=1)
            cells.append(record(rank, seed, {"ROUGE_L": mean_statistics(values), "val_loss": loss}, cost=cost_of(rank)))
    return cells


def cost_of(rank: int | None) -> Cost:
    """Plausible costs."""
    if rank is None:
        return Cost(preparing_s=3.0, generation_s=40.0, peak_generation_bytes=900_000_000, trainable_parameters=0)
    return Cost(
        preparing_s=3.0, training_s=20.0 + rank / 10, evaluation_s=4.0, generation_s=40.0,
        peak_training_bytes=2_100_000_000, peak_generation_bytes=900_000_000, trained_tokens=90_000,
        tokens_per_second=2_345.6, trainable_parameters=98_304 * rank, total_parameters=354_823_168,
        adapter_bytes=393_216 * rank, steps=300, pack_size=4, pack_training_s=220.0,
    )  # fmt: skip
