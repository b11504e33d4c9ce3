"""Whole runs of tiny models through the real pipeline, each in a process of its own, as a user starts them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import TRAINED
from transformers import AutoModelForCausalLM, GPT2LMHeadModel

from tunegrid.objective.row_order import rows_of_step

SMALL = (*TRAINED, "tracker=none", "objective.learning_rate=1e-2")


def tunegrid(folder: Path, *arguments: str, multirun: bool = False) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "HOME": str(folder / "home"), "TUNEGRID_CACHE": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, "-m", "tunegrid", *(["-m"] if multirun else []), *SMALL, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def results(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("outputs/cells/*/result.json"))]


def only_cell(folder: Path) -> Path:
    (cell,) = (folder / "outputs/cells").iterdir()
    return cell


def test_a_sweep_trains_a_pack_prints_its_table_and_starts_nothing_again(tmp_path: Path) -> None:
    grid = ("method.rank=1,4", "sweep.baselines=['method=base']", "table.row=method.rank", "forgetting=general")
    first = tunegrid(tmp_path, *grid, "table.columns=[val_loss,rougeL]", multirun=True)
    assert first.returncode == 0, first.stderr
    assert "3 cells, 0 finished; 1 pack to run" in first.stderr
    by_rank = {r["config"]["method"].get("rank"): r for r in results(tmp_path)}
    assert {r["status"] for r in by_rank.values()} == {"done"}
    assert {r["cost"]["pack_size"] for r in by_rank.values()} == {3}
    assert by_rank[4]["scores"]["val_loss"]["value"] < by_rank[None]["scores"]["val_loss"]["value"]
    assert by_rank[4]["cost"]["trainable_parameters"] == 4 * by_rank[1]["cost"]["trainable_parameters"]
    assert by_rank[None]["cost"]["trained_tokens"] == 0
    for rank, result in by_rank.items():
        before, after = result["forgetting"]["before"], result["forgetting"]["after"]
        assert before == by_rank[None]["forgetting"]["before"] and (before == after) == (rank is None)
        change = after["perplexity"]["value"] - before["perplexity"]["value"]
        assert result["scores"]["perplexity_change"]["value"] == pytest.approx(change)
        assert set(after["tasks"]) == set(before["tasks"]) and result["cost"]["forgetting_s"] > 0
    assert by_rank[4]["protocol"]["forward"] == "flat"
    table = tmp_path / "outputs/sweep"
    assert {path.name for path in table.iterdir()} == {f"table.{end}" for end in ("md", "csv", "tex", "html")}
    assert "base (untrained)" in first.stdout

    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("outputs/cells/*/result.json")}
    second = tunegrid(tmp_path, *grid, "table.columns=[val_loss,rougeL]", multirun=True)
    assert second.returncode == 0
    assert "3 cells, 3 finished; 0 packs to run" in second.stderr
    assert second.stdout == first.stdout
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.glob("outputs/cells/*/result.json")}


def test_an_encoder_decoder_trains_generates_and_is_scored(tmp_path: Path) -> None:
    run = tunegrid(tmp_path, "model.architecture=T5", "method.targets=[query,value]")
    assert run.returncode == 0, run.stderr
    (result,) = results(tmp_path)
    assert result["protocol"]["forward"] == "encoder-decoder"
    losses = [json.loads(line).get("loss") for line in (only_cell(tmp_path) / "metrics.jsonl").read_text().splitlines()]
    trained = [loss for loss in losses if loss is not None]
    assert trained[-1] < trained[0]
    assert len((only_cell(tmp_path) / "answers.jsonl").read_text().splitlines()) == 4


@pytest.mark.parametrize("architecture", ["LLAMA", "GPT2"])
def test_full_fine_tuning_leaves_a_model_that_transformers_loads(architecture: str, tmp_path: Path) -> None:
    run = tunegrid(tmp_path, "method=full", f"model.architecture={architecture}")
    assert run.returncode == 0, run.stderr
    (result,) = results(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(only_cell(tmp_path) / "adapter")
    assert sum(p.numel() for p in model.parameters()) == result["cost"]["trainable_parameters"]
    assert isinstance(model, GPT2LMHeadModel) == (architecture == "GPT2")
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_the_answers_hold_every_question_with_its_references(tmp_path: Path) -> None:
    run = tunegrid(tmp_path, "sampler=beam", "sampler.beams=2", "sampler.max_new_tokens=4")
    assert run.returncode == 0, run.stderr
    rows = [json.loads(line) for line in (only_cell(tmp_path) / "answers.jsonl").read_text().splitlines()]
    assert len(rows) == 4
    assert all(row["references"] and row["prompt"] for row in rows)
    samples = json.loads((only_cell(tmp_path) / "samples.json").read_text())
    assert len(samples["rougeL"]["statistics"]) == 4
    assert len(samples["val_loss"]["statistics"]) == 6


def test_a_run_that_does_not_learn_finitely_is_recorded_as_diverged(tmp_path: Path) -> None:
    rates = ("objective.learning_rate=1e-2,1e30", "objective.clip_norm=null")
    run = tunegrid(tmp_path, *rates, multirun=True)
    assert run.returncode == 1
    status = {r["config"]["objective"]["learning_rate"]: r["status"] for r in results(tmp_path)}
    assert status == {0.01: "done", 1e30: "diverged"}
    result = next(r for r in results(tmp_path) if r["status"] == "diverged")
    size, total = result["config"]["objective"]["batch_size"], int(result["protocol"]["training_rows"])
    assert result["error"]["message"] == f"not finite after step {result['cost']['steps']}"
    assert result["error"]["rows"] == rows_of_step(0, result["cost"]["steps"], size, total)
    assert "diverged" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_mixture_has_the_scores_of_each_task(tmp_path: Path) -> None:
    parts = ("data=mixture", "+data@data.parts.few=restaurants", "+data@data.parts.many=restaurants")
    sizes = [f"data.parts.{name}.{size}" for name in ("few", "many") for size in ("validation_rows=5", "test_rows=2")]
    rows = ("data.parts.few.rows=20", "data.parts.many.rows=60", "data.parts.many.split_seed=1")
    columns = ("table.columns=[rougeL,few/rougeL,many/val_loss]",)
    done = tunegrid(tmp_path, *parts, *sizes, *rows, *columns, "method.rank=1", multirun=True)
    assert done.returncode == 0, done.stderr
    (result,) = results(tmp_path)
    scores = {name: score["value"] for name, score in result["scores"].items()}
    assert (scores["few/rougeL"] + scores["many/rougeL"]) / 2 == pytest.approx(scores["rougeL"])
    assert result["config"]["schema"]["data.parts.few"] == "restaurants"
    assert "few/rougeL" in (tmp_path / "outputs/sweep/table.md").read_text()
