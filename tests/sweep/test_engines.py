"""The same sweep under every launcher: the same cells, each run once, the same scores, the same table."""

import json
import os
import signal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from command_line import SMALL, files, finish, log, run, start, wait_for, wait_until
from hydra.errors import MissingConfigException

from tunegrid.mistakes import ENGINES, explain

GRID = ("-m", *SMALL, "method.rank=1,13,14,4", "sweep.max_pack=1", "table.row=method.rank")
WORKERS = "hydra.launcher.workers=2"
BASIC = "hydra/launcher=basic"
JOBLIB = pytest.param("hydra/launcher=joblib hydra.launcher.n_jobs=2", marks=pytest.mark.slow)
LOCAL = pytest.param("hydra/launcher=submitit_local", marks=pytest.mark.slow)
RAY = pytest.param("hydra/launcher=ray_local", marks=pytest.mark.slow)
SLURM = Path(__file__).parent / "slurm"


class Outcome(NamedTuple):
    code: int
    table: str
    cells: dict[str, Any]
    """Of each result, by the cell's id, what does not tell the time or the machine."""
    started: list[str]
    """Every pack that was started, sorted."""


def outcome(folder: Path, *arguments: str) -> Outcome:
    done = run(folder, *arguments)
    return Outcome(done.returncode, done.stdout, {r["id"]: told(r) for r in results(folder)}, sorted(log(folder)))


def results(folder: Path, root: str = "work/outputs") -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in (folder / root / "cells").glob("*/result.json")]


def told(result: dict[str, Any]) -> tuple[Any, ...]:
    error = result["error"]
    return result["status"], result["scores"], result["cost"], error and (error["kind"], error["exit_status"])


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    found = outcome(tmp_path_factory.mktemp("process"), *GRID)
    assert found.code == 1 and len(found.cells) == len(found.started) == 4
    assert sorted(status for status, *_ in found.cells.values()) == ["done"] * 2 + ["failed"] * 2
    return found


@pytest.mark.parametrize("engine", [WORKERS, BASIC, JOBLIB, LOCAL, RAY])
def test_every_engine_gives_the_same_cells_and_scores_and_runs_none_twice(
    engine: str, reference: Outcome, tmp_path: Path
) -> None:
    """Ranks 13 and 14, killed and failing, cost only themselves."""
    assert outcome(tmp_path, *GRID, *engine.split()) == reference
    assert {name.split("/")[0] for name in files(tmp_path)} == {"outputs"}


@pytest.mark.parametrize("engine", [BASIC, JOBLIB, LOCAL, RAY])
def test_a_signal_lets_every_engines_packs_save_and_the_same_command_goes_on(engine: str, tmp_path: Path) -> None:
    command = ("-m", *SMALL, "method.rank=23", *engine.split())
    process = start(tmp_path, *command)
    wait_for(tmp_path / "log.waiting")
    process.send_signal(signal.SIGINT)
    _, err = finish(process)
    assert process.returncode == 130 and "Traceback" not in err, err
    (stopped,) = results(tmp_path)
    assert (stopped["status"], stopped["error"]["message"]) == ("interrupted", "stopped by a signal")
    again = run(tmp_path, *command)
    assert again.returncode == 0, again.stderr
    assert log(tmp_path) == ["lora_r23_s0"] * 2


@pytest.mark.parametrize("engine", [BASIC, LOCAL])
def test_what_another_sweep_leaves_undone_is_run_in_a_second_round(engine: str, tmp_path: Path) -> None:
    """The first is killed while the second waits; before that, the second has started no job for its pack."""
    first = start(tmp_path, "-m", *SMALL, "method.rank=23")
    wait_for(tmp_path / "log.waiting")
    second = start(tmp_path, "-m", *SMALL, "method.rank=23,4", "sweep.max_pack=1", *engine.split())
    wait_until(lambda: len(log(tmp_path)) == 2, 60)
    first.kill()
    finish(first)
    out, err = finish(second)
    assert second.returncode == 0, err
    assert log(tmp_path) == ["lora_r23_s0", "lora_r4_s0", "lora_r23_s0"]
    assert "1 pack running in another process; others go first" in err and "val_loss" in out


@pytest.mark.slow
@pytest.mark.parametrize("engine", [BASIC, JOBLIB])
def test_a_job_whose_pack_another_sweep_has_begun_meanwhile_ends_and_the_sweep_waits(
    engine: str, tmp_path: Path
) -> None:
    grid = ("-m", *SMALL, "method.rank=4,5,23", "sweep.max_pack=1")
    said = tmp_path / "said"
    with said.open("w") as stderr:
        first = start(tmp_path, *grid, *engine.split(), stderr=stderr.fileno(), STAND_IN_SECONDS="3")
    wait_until(lambda: len(log(tmp_path)) > 0, 60)
    second = start(tmp_path, "-m", *SMALL, "method.rank=23")
    wait_for(tmp_path / "log.waiting")
    wait_until(lambda: "1 pack running in another process; waiting" in said.read_text(), 60)
    second.kill()
    for process in (second, first):
        finish(process)
    assert first.returncode == 0, said.read_text()
    assert sorted(log(tmp_path)) == ["lora_r23_s0", "lora_r23_s0", "lora_r4_s0", "lora_r5_s0"]


@pytest.mark.slow
def test_a_slurm_job_that_runs_out_of_time_saves_is_requeued_and_goes_on(tmp_path: Path) -> None:
    cluster = {"PATH": f"{SLURM}:{os.environ['PATH']}", "SLURM_FOLDER": str(tmp_path)}
    command = ("-m", *SMALL, "method.rank=1,23", "sweep.max_pack=1", "hydra/launcher=slurm")
    process = start(tmp_path, *command, "hydra.launcher.partition=fast", **cluster)
    wait_for(tmp_path / "log.waiting")
    os.kill(int((tmp_path / "step.1").read_text()), signal.SIGUSR2)
    _, err = finish(process)
    assert process.returncode == 0, err
    assert "interrupted" in {r["status"] for r in results(tmp_path, "at_requeue")}
    assert {r["status"] for r in results(tmp_path)} == {"done"}
    assert sorted(log(tmp_path)) == ["lora_r1_s0", "lora_r23_s0", "lora_r23_s0"]
    script = next((tmp_path / "work/outputs/sweep/.submitit").rglob("*.sh"))
    asked = {line.removeprefix("#SBATCH --") for line in script.read_text().splitlines()}
    assert {"partition=fast", "gpus-per-node=1", "mem=32GB", "time=240", "signal=USR2@180"} <= asked


@pytest.mark.parametrize("engine", [BASIC, LOCAL])
def test_a_mistake_that_a_pack_meets_is_one_line_here_also_where_its_stderr_is_a_log(
    engine: str, tmp_path: Path
) -> None:
    done = run(tmp_path, "-m", *SMALL, "method.rank=16", *engine.split())
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if "error" in line] == [
        "error: broken.jsonl:3: output: no such key; add it"
    ]
    assert list((tmp_path / "work/outputs").glob("cells/*")) == []


def test_an_engine_that_cannot_start_is_one_line_and_no_cell_has_failed(tmp_path: Path) -> None:
    done = run(tmp_path, "-m", *SMALL, "method.rank=1", "hydra/launcher=slurm", PATH="/nowhere")
    assert done.returncode == 2 and files(tmp_path) == []
    assert done.stderr.splitlines()[1:] == [
        'error: the launcher could not start: Could not detect "srun", are you indeed on a slurm cluster?'
    ]


@pytest.mark.parametrize(("engine", "extra"), ENGINES.items())
def test_an_engine_that_is_not_installed_is_named_with_its_extra(engine: str, extra: str) -> None:
    error = MissingConfigException(message="", missing_cfg_file=f"hydra/launcher/{engine}", options=["basic"])
    assert explain(error).startswith(f"hydra/launcher={engine} is not installed; pip install 'tunegrid[{extra}]'")
