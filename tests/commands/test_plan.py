"""`tunegrid plan`: packs with their forecasts, from finished cells' costs and from what memory there is."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cell.made_cells import complete, flip
from command_line import SMALL, environment, files, run

from tunegrid.cell.cell import Cell
from tunegrid.cell.provenance import now
from tunegrid.cell.result import Cost, Result, Status
from tunegrid.commands.plan import duration, main
from tunegrid.data.row_lengths import estimate
from tunegrid.errors import ConfigError
from tunegrid.sweep.forecast_time import START_S, finished_cells, pack_time
from tunegrid.sweep.grid import grid_from
from tunegrid.sweep.job import is_due, seems_due

PLAN = (*SMALL, "hardware=cpu", "hardware.precision=float32")
COST = Cost(
    preparing_s=2.0,
    evaluation_s=3.0,
    generation_s=5.0,
    tokens_per_second=1000.0,
    steps=300,
    pack_size=2,
)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def finish(*overrides: str, cost: Cost = COST, device: str = "cpu") -> Cell:
    """Leave a finished cell."""
    cell = grid_from([*PLAN, *overrides]).cells[0]
    cell.write_config()
    cell.write_result(
        Result(
            id=cell.id,
            status=Status.DONE,
            config=cell.config,
            scores={},
            unavailable={},
            cost=cost,
            protocol={"device": device, "precision": "float32"},
            versions={},
            commit=None,
            seeds={"run": 0},
            started=now(),
            finished=now(),
            error=None,
        )
    )
    return cell


def plan(capsys: pytest.CaptureFixture[str], *overrides: str) -> str:
    assert main(["-m", *PLAN, *overrides]) == 0
    return capsys.readouterr().out


def test_a_plan_shows_each_packs_memory_and_what_there_is(capsys: pytest.CaptureFixture[str]):
    out = plan(capsys, "method.rank=1,4", "sweep.memory_limit_gb=7")
    heading, row = out.split("\n\n")[1].splitlines()
    assert heading.split() == ["cells", "memory", "process", "weights", "gradients", "optimiser", "activations", "time"]
    name, number, cells, total, unit, *parts = row.split()
    assert (name, number, cells, unit) == ("pack", "1", "2", "GB")
    assert float(total) == pytest.approx(sum(map(float, parts)), abs=0.03)
    assert re.search(r"memory: at most 0\.\d GB of 7.0 GB \(sweep.memory_limit_gb\); .*estimated from characters", out)
    assert "time unknown; --probe measures three steps" in out


def test_a_plan_says_that_memory_made_packs_smaller(capsys: pytest.CaptureFixture[str]):
    one = plan(capsys, "model.hidden=256", "method.rank=900")
    needed = float(re.search(r"(\d\.\d\d) GB", one)[1])
    out = plan(capsys, "model.hidden=256", "method.rank=900,901", f"sweep.memory_limit_gb={needed + 0.01}")
    assert "memory: 2 packs where sweep.max_pack alone would give 1" in out


def test_time_is_that_of_finished_cells_scaled_to_the_plan(capsys: pytest.CaptureFixture[str]):
    finish("seed=7", cost=replace(COST, tokens_per_second=1e6))
    run_ = grid_from([*PLAN]).run
    mean = estimate(run_.data, run_.prompt, 259).mean
    out = plan(capsys, "seed=0,1", "objective.steps=600")
    training = 2 * 600 * 8 * mean / 1e6  # cells · steps · rows · tokens a row / tokens a second
    validation = 2 * 3.0 * 2  # cells · seconds of one cell's three · twice as many validations
    expected = START_S + 2.0 * 2 + training + validation + 2 * 5.0
    assert f"time: about {duration(expected)}, from 1 finished cell like these" in out


def test_packs_of_the_nearest_size_tell_the_rate():
    for seed, (size, rate) in enumerate([(1, 100.0), (8, 400.0)]):
        finish(f"seed={seed + 50}", cost=replace(COST, pack_size=size, tokens_per_second=rate))
    grid = grid_from([*PLAN, "seed=0,1,2,3,4,5"])
    lengths = estimate(grid.run.data, grid.run.prompt, 259)
    finished = finished_cells(Path(grid.run.output_root))
    six = pack_time(grid.cells, lengths, "cpu", "float32", finished)
    one = pack_time(grid.cells[:1], lengths, "cpu", "float32", finished)
    assert six is not None and one is not None
    assert six.training == pytest.approx(6 * one.training * 100 / 400)
    assert six.cells == one.cells == 2


def test_what_is_asked_takes_the_time_that_it_took():
    finish("seed=7", "forgetting=general", cost=replace(COST, forgetting_s=3.5))
    for asked, seconds in (("forgetting=general", 7.0), ("forgetting=none", 0.0)):
        grid = grid_from([*PLAN, "seed=0,1", asked])
        lengths = estimate(grid.run.data, grid.run.prompt, 259)
        found = pack_time(grid.cells, lengths, "cpu", "float32", finished_cells(Path(grid.run.output_root)))
        assert found is not None and found.forgetting == seconds


def test_a_search_is_forecast_by_its_largest_batch(capsys: pytest.CaptureFixture[str]):
    """Five trials, two at a time, are three batches; the largest trains both cells 600 steps."""
    finish("seed=7", cost=replace(COST, tokens_per_second=1e6))
    mean = estimate(grid_from([*PLAN]).run.data, grid_from([*PLAN]).run.prompt, 259).mean
    ranges = ("method.rank=choice(1,16,4)", "objective.steps=range(300,601,300)", "table.columns=[val_loss]")
    options = ("hydra.sweeper.trials=5", "hydra.sweeper.batch=2", "sweep.memory_limit_gb=7")
    out = plan(capsys, "hydra/sweeper=search", *options, *ranges)
    batch = START_S + 2.0 * 2 + 2 * 600 * 8 * mean / 1e6 + 2 * 3.0 * 2 + 2 * 5.0
    assert f"time: about {duration(3 * batch)} for 3 such batches, from 1 finished cell like these" in out
    assert re.search(r"\npack 1 +2 +\d\.\d\d GB .*\n", out) and "of 7.0 GB (sweep.memory_limit_gb)" in out
    assert "5 trials · none asked for yet · 0 to finish · 5 to ask for, 2 at a time" in out
    with pytest.raises(ConfigError, match=r"lora_r16_s0 needs .*\[trial: method.rank=16 objective.steps=600\]"):
        plan(capsys, "hydra/sweeper=search", *ranges, "sweep.memory_limit_gb=0.1")


@pytest.mark.parametrize("there", [["model.hidden=128"], ["method=full"]])
def test_another_model_or_method_tells_nothing(there: list[str], capsys: pytest.CaptureFixture[str]):
    finish(*there)
    assert "time unknown" in plan(capsys)


def test_another_device_tells_nothing_and_a_damaged_result_is_passed_over(capsys: pytest.CaptureFixture[str]):
    finish("seed=7", device="cuda")
    damaged = finish("seed=8").path("result.json")
    damaged.write_text(damaged.read_text()[:-20])
    assert "time unknown" in plan(capsys)


def test_a_plan_takes_adapters_by_their_size_and_a_sweep_reads_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    own = complete(tmp_path / "outputs", Status.DONE)
    adapter = own.path("adapter/adapter_model.safetensors")
    flip(adapter, 100)
    assert f"{own.id}  {own.title}  done" in plan(capsys)
    assert is_due(own) and not seems_due(own)
    os.truncate(adapter, adapter.stat().st_size - 1)
    assert f"{own.id}  {own.title}  pack 1" in plan(capsys)


def test_a_plan_of_nothing_left_has_no_forecast(capsys: pytest.CaptureFixture[str]):
    finish()
    out = plan(capsys)
    assert "0 packs to run" in out and "memory" not in out and "time" not in out


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.4, "4 s"), (89, "89 s"), (91, "2 min"), (3600, "60 min"), (11_100, "3 h 05 min")]
)
def test_durations_are_short(seconds: float, text: str):
    assert duration(seconds) == text


def test_a_cell_without_room_is_refused_in_one_line(tmp_path: Path):
    done = run(tmp_path, "plan", *SMALL, "sweep.memory_limit_gb=0.1")
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: lora_r8_s0 needs ") and files(tmp_path) == []


def test_a_plan_imports_no_torch_and_writes_nothing(tmp_path: Path):
    program = (
        "import sys; from tunegrid.commands.plan import main; code = main(sys.argv[1:]);"
        "heavy = {'torch', 'transformers', 'peft', 'pytorch_lightning', 'wandb'} & set(sys.modules);"
        "sys.exit(code or ' '.join(heavy) or 0)"
    )
    command = [sys.executable, "-c", program, "-m", *SMALL, "method.rank=1,4"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_probe_measures_and_leaves_nothing(tmp_path: Path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    inherited = environment(tmp_path, TMPDIR=str(scratch))
    inherited.pop("PYTHONPATH")  # real training
    command = [sys.executable, "-m", "tunegrid", "plan", "--probe", "-m", *PLAN, "method=lora,full", "metrics=none"]
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(command, cwd=work, env=inherited, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"time: about \d+ (s|min), from 1 finished cell like these", done.stdout), done.stdout
    assert "probing 3 steps of 2 packs" in done.stderr
    assert list(work.iterdir()) == [] and list(scratch.iterdir()) == []
