import json
import math
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from command_line import SMALL

from tunegrid.atomic import write_atomically
from tunegrid.cell import AnswerRow, Cell, lock
from tunegrid.config import plain
from tunegrid.errors import DataError
from tunegrid.grid import grid_from
from tunegrid.identity import as_containers
from tunegrid.interrupt import Interrupted
from tunegrid.job import record_unfinished, run_cells, without_scores
from tunegrid.metrics import Score
from tunegrid.provenance import now
from tunegrid.result import Failure, Result, ScoreValue, Status


@cache
def composed_cell(*overrides: str) -> Cell:
    return grid_from([*SMALL, *overrides]).cells[0]


def cell(folder: Path, *overrides: str) -> Cell:
    made = composed_cell(*overrides)
    return replace(made, folder=folder / "cells" / made.id, run=replace(made.run, output_root=str(folder)))


def finished(of: Cell, status: Status = Status.DONE) -> Result:
    return without_scores(of, now(), status, Failure(kind="Test", message="made up"))


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "method.rank=4",
        "objective.steps=30",
        "model.seed=1",
        "data.rows=21",
        "sampler=beam",
        "prompt.separator=x",
    ],
)
def test_the_id_follows_everything_that_can_change_the_result(override: str, tmp_path: Path):
    assert cell(tmp_path, override).id != cell(tmp_path).id


@pytest.mark.parametrize(
    "override",
    [
        "hardware=gpu",
        "hardware.threads=1",
        "tracker=csv",
        "name=other",
        "force=true",
        "sweep.pack=off",
        "table.title=x",
    ],
)
def test_the_id_does_not_follow_bookkeeping(override: str, tmp_path: Path):
    assert cell(tmp_path, override).id == cell(tmp_path).id


@pytest.mark.parametrize("overrides", [(), ("method=full", "model=smollm2_135m", "tracker=wandb")])
def test_containers_are_those_of_omegaconf(overrides: tuple[str, ...]):
    run = composed_cell(*overrides).run
    assert as_containers(run) == plain(run)


def test_the_folder_is_below_output_root_and_not_part_of_the_id():
    here, there = composed_cell(), grid_from([*SMALL, "output_root=there"]).cells[0]
    assert here.id == there.id
    assert (here.folder, there.folder) == (Path("outputs/cells") / here.id, Path("there/cells") / here.id)


def test_the_id_follows_what_a_data_file_holds_and_not_where_it_lies(tmp_path: Path):
    def with_data(name: str, word: str) -> str:
        (tmp_path / name).write_text("".join(f'{{"prompt": "{i}", "completion": "{word}"}}\n' for i in range(40)))
        return cell(tmp_path, "data=jsonl", f"data.path={tmp_path / name}").id

    assert with_data("a.jsonl", "yes") == with_data("b.jsonl", "yes") != with_data("c.jsonl", "no")


def test_a_config_is_read_back_as_the_same_cell(tmp_path: Path):
    written = cell(tmp_path, "method.rank=4", "method.alpha_policy=rslora", "seed=3")
    written.write_config()
    like = cell(tmp_path, "method=full", "tracker=csv").run
    read = Cell.load(written.id, like)
    assert (read.config, read.id, read.folder) == (written.config, written.id, written.folder)
    assert read.run.method == written.run.method and read.run.seed == 3
    assert read.run.tracker == like.tracker
    assert read.title == "lora_r4_s3"


def test_a_config_of_a_schema_that_is_not_installed_is_refused(tmp_path: Path):
    written = cell(tmp_path)
    written.write_config()
    path = written.path("config.yaml")
    path.write_text(path.read_text().replace("method: lora", "method: loha"))
    with pytest.raises(DataError, match="names the method 'loha', which is not installed"):
        Cell.load(written.id, written.run)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_atomically(tmp_path / "file", "old")

    def full(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_result_is_read_back_and_what_is_not_finite_is_null(tmp_path: Path):
    own = cell(tmp_path)
    result = Result(
        **{name: getattr(finished(own), name) for name in Result.__slots__ if name != "scores"},
        scores={
            "BLEU": ScoreValue(value=0.5, low=0.4, high=None),
            "val_loss": ScoreValue(value=math.inf, low=None, high=None),
        },
    )
    own.write_result(result)
    stored = json.loads(own.path("result.json").read_text())
    assert stored["version"] == 1 and stored["status"] == "done" and stored["scores"]["val_loss"]["value"] is None
    read = own.result()
    assert (
        read is not None and read.scores["BLEU"] == result.scores["BLEU"] and math.isnan(read.scores["val_loss"].value)
    )
    assert (read.cost, read.error, read.config) == (result.cost, result.error, result.config)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"version": 2}', '{"version": 1, "id": "x"}', '{"version": 1, "colour": 1}']
)
def test_a_result_of_another_shape_is_refused(text: str, tmp_path: Path):
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(DataError, match=r"result.json: not a result of this tunegrid .*remove it to run the cell anew"):
        Result.read(tmp_path / "result.json")


def test_metrics_survive_a_line_cut_short_and_can_be_rewound(tmp_path: Path):
    own = cell(tmp_path)
    for step in (1, 2, 3):
        own.append_metrics({"step": step, "loss": 1 / step})
    with own.path("metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')
    assert [row["step"] for row in own.metrics()] == [1, 2, 3]
    own.rewind_metrics(2)
    assert own.path("metrics.jsonl").read_text() == '{"step": 1, "loss": 1.0}\n{"step": 2, "loss": 0.5}\n'


def test_samples_and_answers_are_read_back(tmp_path: Path):
    own = cell(tmp_path)
    own.write_samples([Score("BLEU", np.array([[1.0, 2.0], [3.0, 4.0]]))])
    np.testing.assert_array_equal(own.samples()["BLEU"], [[1.0, 2.0], [3.0, 4.0]])
    own.write_answers([AnswerRow(key="k", prompt="é\n", answer="a", references=("x", "y"))])
    assert json.loads(own.path("answers.jsonl").read_text()) == {
        "key": "k",
        "prompt": "é\n",
        "answer": "a",
        "references": ["x", "y"],
    }


def test_a_lock_keeps_out_other_processes_and_ends_with_its_holder(tmp_path: Path):
    own = cell(tmp_path)
    holder = f"""
import fcntl, os, sys
os.makedirs({str(own.folder)!r})
file = open({str(own.path(".lock"))!r}, "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with lock([own], wait=False) as held:
            assert held == []
        other.kill()
    with lock([own], wait=True) as held:
        assert held == [own]


def test_a_lock_on_a_file_that_was_removed_meanwhile_does_not_count(tmp_path: Path):
    own = cell(tmp_path)
    got, release = threading.Event(), threading.Event()

    def wait_and_hold() -> None:
        with lock([own], wait=True):
            got.set()
            release.wait(20)

    waiter = threading.Thread(target=wait_and_hold)
    with lock([own], wait=False) as held:
        assert held == [own]
        waiter.start()
        time.sleep(0.3)  # it is blocked on the file that is about to go
        own.discard_unstarted()
    assert got.wait(20)
    with lock([own], wait=False) as held:
        assert held == []
    release.set()
    waiter.join()


def outcome(status: Status):
    def run_pack(cells: list[Cell]) -> None:
        for entry in cells:
            entry.write_result(finished(entry, status))

    return run_pack


@pytest.mark.parametrize(
    ("before", "runs"),
    [
        (Status.DONE, False),
        (Status.DIVERGED, False),
        (Status.FAILED, True),
        (Status.OOM, True),
        (Status.INTERRUPTED, True),
    ],
)
def test_only_what_may_end_otherwise_is_run_again(
    before: Status, runs: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    own = cell(tmp_path)
    own.write_result(finished(own, before))
    monkeypatch.setattr("tunegrid.run.run_pack", outcome(Status.DONE))
    run_cells([own])
    assert own.status() is (Status.DONE if runs else before)


def test_a_failed_attempt_is_cleared_and_an_interrupted_one_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for before, kept in ((Status.FAILED, False), (Status.INTERRUPTED, True)):
        own = cell(tmp_path / before.value)
        own.path("checkpoint").mkdir(parents=True)
        own.write_result(finished(own, before))
        monkeypatch.setattr("tunegrid.run.run_pack", outcome(Status.DONE))
        run_cells([own])
        assert own.path("checkpoint").exists() is kept


class OutOfMemoryError(RuntimeError):
    """Named as torch names it."""


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("boom"), Status.FAILED), (OutOfMemoryError("no room"), Status.OOM)]
)
def test_what_a_pack_raises_is_recorded_in_its_unfinished_cells(
    error: Exception,
    status: Status,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    first, second = cell(tmp_path), cell(tmp_path, "seed=1")

    def run_pack(cells: list[Cell]) -> None:
        cells[0].write_result(finished(cells[0]))
        raise error

    monkeypatch.setattr("tunegrid.run.run_pack", run_pack)
    run_cells([first, second])
    assert first.status() is Status.DONE and second.status() is status
    result = second.result()
    assert result is not None and result.error == Failure(kind=type(error).__name__, message=str(error))
    assert type(error).__name__ in capsys.readouterr().err


def test_an_interrupted_pack_is_recorded_and_the_signal_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    own = cell(tmp_path)

    def run_pack(cells: list[Cell]) -> None:
        raise Interrupted(2)

    monkeypatch.setattr("tunegrid.run.run_pack", run_pack)
    with pytest.raises(Interrupted) as caught:
        run_cells([own])
    assert caught.value.exit_code == 130 and own.status() is Status.INTERRUPTED


def test_a_result_written_since_the_start_is_not_overwritten(tmp_path: Path):
    own, started = cell(tmp_path), now()
    own.write_result(finished(own, Status.DIVERGED))
    record_unfinished([own], started, Status.FAILED, Failure(kind="late", message=""))
    assert own.status() is Status.DIVERGED
