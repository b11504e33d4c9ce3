"""Whole searches on the command line; training is replaced by a stand-in whose loss is lowest at a rate of 1e-3."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from command_line import files, finish, log, run, start, wait_until
from test_main import in_one_process

from tunegrid.errors import ConfigError
from tunegrid.search.search import check_package

EXPERIMENT = """# @package _global_
defaults:
  - override /model: tiny
  - override /tracker: none
  - override /hydra/sweeper: search
name: mine
data: {rows: 20, validation_rows: 4, test_rows: 4}
objective: {steps: 80, validate_every: 10, warmup_steps: 1}
table: {columns: [val_loss]}
hydra:
  mode: MULTIRUN
  sweeper:
    trials: 12
    params:
      objective.learning_rate: "tag(log, interval(1e-5,1e-1))"
      method.rank: "choice(1,4)"
"""
FAST = {"STAND_IN_BOWL": "0"}


def experiment(folder: Path) -> tuple[str, ...]:
    """The arguments that name the experiment above."""
    place = folder / "conf" / "experiments"
    place.mkdir(parents=True)
    (place / "mine.yaml").write_text(EXPERIMENT)
    return f"hydra.searchpath=['file://{folder / 'conf'}']", "experiments=mine"


def path_of(folder: Path) -> Path:
    return folder / "work/outputs/mine/study.json"


def study(folder: Path) -> list[dict[str, Any]]:
    return json.loads(path_of(folder).read_text())["trials"]


def results(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.parent.name: json.loads(path.read_text()) for path in folder.glob("work/outputs/cells/*/result.json")}


def test_a_search_trains_batches_as_packs_prints_its_table_and_goes_on_to_more_trials(tmp_path: Path):
    command = experiment(tmp_path)
    first = run(tmp_path, *command, "hydra.sweeper.trials=8", **FAST)
    assert first.returncode == 0, first.stderr
    assert [len(pack.split()) for pack in log(tmp_path)] == [4, 4]
    rows = [line for line in first.stdout.splitlines() if re.match(r" *\d+: learning_rate=.*±", line)]
    losses = [float(row.split("±")[0].split()[-1]) for row in rows]
    assert len(rows) == 8 and losses == sorted(losses)
    assert "· 8 trials: 8 done." in first.stdout
    assert "Best: trial" in (tmp_path / "work/outputs/mine/table.md").read_text()
    assert {name.split("/")[0] for name in files(tmp_path)} == {"outputs"}

    shown = in_one_process(
        tmp_path / "work", [["plan", *command], ["table", "mine", command[0], "hydra.sweeper.trials=8"]]
    )
    assert [code for code, _, _ in shown] == [0, 0], shown
    assert "12 trials · 8 done · 0 to finish · 4 to ask for, 4 at a time" in shown[0][1]
    assert shown[1][1] == first.stdout
    unfinished = run(tmp_path, "table", "mine", command[0])
    assert "! 8 of 12 trials have been asked for; to go on: tunegrid experiments=mine" in unfinished.stdout

    before = study(tmp_path)
    more = run(tmp_path, *command, **FAST)
    assert more.returncode == 0 and len(log(tmp_path)) == 3
    assert study(tmp_path)[:8] == before and len(study(tmp_path)) == 12
    again = run(tmp_path, *command, **FAST)
    assert again.stdout == more.stdout and len(log(tmp_path)) == 3


@pytest.mark.slow
def test_a_killed_search_becomes_the_one_that_was_not(tmp_path: Path):
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = run(tmp_path / "whole", *experiment(tmp_path / "whole"), **FAST)
    command = experiment(tmp_path / "cut")
    process = start(tmp_path / "cut", *command, STAND_IN_BOWL="0.2")
    wait_until(lambda: len(log(tmp_path / "cut")) == 2, 60)
    process.kill()
    finish(process)
    assert len(study(tmp_path / "cut")) == 8
    resumed = run(tmp_path / "cut", *command, **FAST)
    assert resumed.returncode == 0, resumed.stderr
    assert path_of(tmp_path / "cut").read_bytes() == path_of(tmp_path / "whole").read_bytes()
    assert resumed.stdout == whole.stdout
    assert log(tmp_path / "cut")[-2:] == log(tmp_path / "whole")[1:]


@pytest.mark.slow
def test_successive_halving_stops_bad_cells_never_the_best_and_a_grid_goes_on_with_them(tmp_path: Path):
    command = (*experiment(tmp_path), "hydra.sweeper.pruner=successive_halving", "hydra.sweeper.trials=8")
    done = run(tmp_path, *command, STAND_IN_BOWL="0.8")
    assert done.returncode == 0, done.stderr
    status = {cell: result["status"] for cell, result in results(tmp_path).items()}
    for batch in (0, 1):
        ranked = sorted((trial for trial in study(tmp_path) if trial["batch"] == batch), key=distance)
        assert [trial["stopped"] and trial["stopped"]["step"] for trial in ranked] == [None, 20, 10, 10]
        assert [status[trial["cell"]] for trial in ranked] == ["done", "pruned", "pruned", "pruned"]
    assert "6 stopped early" in done.stdout and "was stopped at step 10, val_loss" in done.stdout

    packs = len(log(tmp_path))
    assert run(tmp_path, *command).returncode == 0 and len(log(tmp_path)) == packs
    worst = [f"{key}={value}" for key, value in ranked[-1]["values"].items()]
    one = run(tmp_path, *command[:2], *worst, "hydra.mode=RUN", **FAST)
    assert one.returncode == 0, one.stderr
    assert results(tmp_path)[ranked[-1]["cell"]]["status"] == "done"


def distance(trial: dict[str, Any]) -> float:
    """From the learning rate at which the loss is lowest."""
    return abs(math.log10(trial["values"]["objective.learning_rate"]) + 3)


MISTAKES = {
    "hydra.sweeper.trials=0": "hydra.sweeper.trials must be at least 1, got 0",
    "hydra.sweeper.batch=x": "hydra.sweeper.batch must be an integer, got x",
    "hydra.sweeper.sampler=grid": "hydra.sweeper.sampler must be one of tpe, random, got grid",
    "hydra.sweeper.target=blue": "hydra.sweeper.target: unknown metric 'blue'",
    "hydra.sweeper.target=BLEU": "table.columns must contain hydra.sweeper.target (BLEU), got val_loss",
    "hydra.sweeper.target=perplexity hydra.sweeper.pruner=median": "hydra.sweeper.pruner must be none unless",
    "objective.learning_rate=interval(1,0)": "objective.learning_rate: interval(1,0) is empty; give the lower end",
    "objective.learning_rate=interval(-1,1)": "objective.learning_rate must be above 0, got -1.0 [trial: ",
    "method.rank=1 objective.learning_rate=1e-3": "hydra.sweeper.params has no range to search; give one",
    "hydra.sweeper.trails=3": "unknown key 'hydra.sweeper.trails'; did you mean hydra.sweeper.trials; known: hydra.",
    "sweep.memory_limit_gb=0.1": "lora_r4_s0 needs 0.",
    "method.rnk=choice(1,2)": "unknown key 'method.rnk'; did you mean method.rank",
    "sweep.baselines=['method=base']": "sweep.baselines: a search has none; leave them out, or run them as a grid",
}


def test_a_mistake_is_one_line_and_leaves_nothing(tmp_path: Path):
    command, work = experiment(tmp_path), tmp_path / "work"
    work.mkdir()
    answers = in_one_process(work, [[*command, *overrides.split()] for overrides in MISTAKES])
    for (code, out, err), message in zip(answers, MISTAKES.values(), strict=True):
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert err.startswith(f"error: {message}"), err
    assert list(work.iterdir()) == []


def test_a_broken_data_file_met_in_a_pack_leaves_nothing(tmp_path: Path):
    done = run(tmp_path, *experiment(tmp_path), "method.rank=16")
    assert done.returncode == 2 and files(tmp_path) == []
    assert "error: broken.jsonl:3: output: no such key; add it" in done.stderr.splitlines()


def test_what_breaks_costs_itself_and_neither_settings_nor_config_may_change(tmp_path: Path):
    command = (*experiment(tmp_path), "sweep.pack=off", "hydra.sweeper.trials=6", "method.rank=choice(14,4)")
    done = run(tmp_path, *command, "objective.learning_rate=1e-3", **FAST)
    assert done.returncode == 1 and "RuntimeError: boom" in done.stderr
    assert sorted(log(tmp_path)) == ["lora_r14_s0", "lora_r4_s0"]  # six trials of two cells
    assert "1 of 6 trials not done" in done.stderr and " is failed: method.rank=14." in done.stdout

    changes = {
        "hydra.sweeper.seed=1": "the search was begun with seed 0, not 1; keep what it was begun with, or",
        "objective.steps=40": "config, data or model have changed; go back to them, or begin another search",
        "method.rank=choice(14,8)": "the search was begun with ranges {'method.rank': 'one of 14, 4'}, not",
    }
    answers = in_one_process(
        tmp_path / "work", [["plan", *command, "objective.learning_rate=1e-3", change] for change in changes]
    )
    for (code, _, err), message in zip(answers, changes.values(), strict=True):
        assert code == 2 and message in err, err


@pytest.mark.slow
def test_two_searches_at_once_run_each_cell_once(tmp_path: Path):
    command = (*experiment(tmp_path), "hydra.sweeper.trials=4")
    both = [start(tmp_path, *command, STAND_IN_BOWL="0.1") for _ in range(2)]
    for process in both:
        _, err = finish(process)
        assert process.returncode == 0, err
    assert len(log(tmp_path)) == 1 and len(study(tmp_path)) == 4


@pytest.mark.slow
def test_hydras_basic_launcher_and_force_work_as_in_a_grid(tmp_path: Path):
    command = (*experiment(tmp_path), "hydra.sweeper.trials=4", "hydra/launcher=basic")
    assert run(tmp_path, *command, **FAST).returncode == 0
    before = study(tmp_path)
    assert run(tmp_path, *command, "force=true", **FAST).returncode == 0
    assert study(tmp_path) == before and len(log(tmp_path)) == 2


def test_without_optuna_a_search_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tunegrid.search.search.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'needs the package optuna; pip install "tunegrid\[search\]"'):
        check_package()
