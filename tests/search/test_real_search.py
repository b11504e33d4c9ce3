"""A search that really trains: tiny models, in processes of their own, as a user starts it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SEARCH = (
    "hydra/sweeper=search",
    "hydra.sweeper.trials=4",
    "hydra.sweeper.batch=4",
    "hydra.sweeper.pruner=successive_halving",
    "objective.learning_rate=tag(log, interval(1e-4,1e-1))",
    "method.rank=choice(1,4)",
    "model=tiny",
    "tracker=none",
    "metrics=text",
    "hardware=cpu",
    "hardware.threads=1",
    "prompt.chat=never",
    "data.rows=200",
    "data.validation_rows=2",
    "data.test_rows=4",
    "objective.steps=600",
    "objective.batch_size=1",
    "objective.warmup_steps=1",
    "objective.validate_every=25",
    "sampler.max_new_tokens=6",
    "table.columns=[val_loss,rougeL]",
)


@pytest.mark.slow
def test_a_search_prunes_while_it_trains_and_keeps_the_best(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tunegrid", "-m", *SEARCH],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path / "home"), "TUNEGRID_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    trials = json.loads((tmp_path / "outputs/sweep/study.json").read_text())["trials"]
    folders = {trial["cell"]: tmp_path / "outputs/cells" / trial["cell"] for trial in trials}
    results = {cell: json.loads((folder / "result.json").read_text()) for cell, folder in folders.items()}
    assert {result["cost"]["pack_size"] for result in results.values()} == {4}
    assert sorted(trial["stopped"]["step"] if trial["stopped"] else 600 for trial in trials) == [25, 25, 50, 600]
    for trial in trials:
        result, folder = results[trial["cell"]], folders[trial["cell"]]
        if trial["stopped"]:
            assert result["status"] == "pruned" and set(result["scores"]) == {"val_loss", "perplexity"}
            assert trial["stopped"]["step"] < result["cost"]["steps"] < 600
            assert (folder / "answers.jsonl").read_text() == ""
            assert (folder / "checkpoint").is_dir()
        else:
            assert result["status"] == "done" and "rougeL" in result["scores"]
    assert "3 stopped early" in done.stdout
