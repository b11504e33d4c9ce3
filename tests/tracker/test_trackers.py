import csv
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tunegrid.errors import ConfigError
from tunegrid.tracker import Recorder, RunInfo
from tunegrid.tracker.csv import Csv
from tunegrid.tracker.guarded import Guarded
from tunegrid.tracker.none import NoTracker


def info(folder: Path, name: str = "lora_r4_s0") -> RunInfo:
    return RunInfo(id=f"id{name}", name=name, group="rank sweep", config={"seed": 0}, folder=folder / name)


def test_csv_holds_every_row_and_the_scores(tmp_path: Path):
    recorder = Csv().open(info(tmp_path))
    recorder.log(1, {"loss": 2.5, "lr": 0.1})
    recorder.log(2, {"loss": 2.0})
    recorder.finish({"BLEU": 0.5}, [], 0)
    with (tmp_path / "lora_r4_s0/tracker/metrics.csv").open() as file:
        assert list(csv.reader(file)) == [
            ["step", "name", "value"],
            ["1", "loss", "2.5"],
            ["1", "lr", "0.1"],
            ["2", "loss", "2.0"],
        ]
    assert "BLEU,0.5" in (tmp_path / "lora_r4_s0/tracker/scores.csv").read_text()


def test_none_writes_nothing(tmp_path: Path):
    recorder = NoTracker().open(info(tmp_path))
    recorder.log(1, {"loss": 1.0})
    recorder.finish({}, [], 0)
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_without_its_package_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch):
    from tunegrid.tracker import tensorboard

    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs the package tensorboard; pip install 'tunegrid\[tensorboard\]'"):
        tensorboard.Tensorboard()


class Breaking(Recorder):
    def __init__(self) -> None:
        self.finished: list[int] = []

    def log(self, step: int, values: Mapping[str, float]) -> None:
        raise OSError("disk full\nand more")

    def finish(self, scores: Mapping[str, float], artifacts: list[Path], exit_code: int) -> None:
        self.finished.append(exit_code)


def test_a_failing_tracker_is_reported_once_closed_and_never_raises(capsys: pytest.CaptureFixture[str]):
    breaking = Breaking()
    recorder = Guarded("wandb", lambda: breaking)
    recorder.log(1, {})
    recorder.log(2, {})
    recorder.finish({}, [], 0)
    assert capsys.readouterr().err == "warning: tracker wandb stopped: disk full; metrics.jsonl has every number\n"
    assert breaking.finished == [1]


def test_a_tracker_that_cannot_start_costs_nothing(capsys: pytest.CaptureFixture[str]):
    def start() -> Recorder:
        raise RuntimeError("no key")

    recorder = Guarded("wandb", start)
    recorder.log(1, {})
    recorder.finish({}, [], 0)
    assert capsys.readouterr().err.count("\n") == 1


WANDB = """
import sys
from pathlib import Path
from tunegrid.tracker import RunInfo
from tunegrid.tracker.wandb import Wandb, WandbMode

folder = Path(sys.argv[1])
tracker = Wandb(mode=WandbMode[sys.argv[2]], project="tests", entity=None)
config = {"method": {"rank": 4}}
recorders = [
    tracker.open(RunInfo(id=name, name=name, group="ranks", config=config, folder=folder / name)) for name in ("a", "b")
]
for step in (1, 2):
    for number, recorder in enumerate(recorders):
        recorder.log(step, {"loss": 10.0 * number + step})
table = folder / "table.csv"
table.write_text("rank,BLEU\\n4,0.5\\n")
for recorder in recorders:
    recorder.finish({"BLEU": 0.5}, [table], 0)
"""


def wandb(folder: Path, mode: str) -> "subprocess.CompletedProcess[str]":
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")}
    (folder / "home").mkdir()
    (folder / "work").mkdir()
    places = {"HOME": str(folder / "home"), "XDG_CACHE_HOME": str(folder / "home/c"), "NETRC": str(folder / "none")}
    command = [sys.executable, "-c", WANDB, str(folder / "runs"), mode]
    (folder / "runs").mkdir()
    return subprocess.run(
        command, env={**kept, **places}, cwd=folder / "work", capture_output=True, text=True, timeout=60, check=False
    )


def test_wandb_keeps_two_open_runs_apart_silently_and_inside_their_cells(tmp_path: Path):
    done = wandb(tmp_path, "offline")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    files = {name: list((tmp_path / "runs" / name / "tracker").rglob("run-*.wandb")) for name in ("a", "b")}
    assert [len(found) for found in files.values()] == [1, 1]
    contents = [records(found[0]) for found in files.values()]
    assert [run["name"] for run in contents] == ["a", "b"]
    assert [run["group"] for run in contents] == ["ranks", "ranks"]
    assert [run["loss"] for run in contents] == [[1.0, 2.0], [11.0, 12.0]]
    assert [run["exit"] for run in contents] == [0, 0]
    assert all(run["summary"]["BLEU"] == "0.5" for run in contents)
    assert list((tmp_path / "home").rglob("*")) == [] and list((tmp_path / "work").iterdir()) == []


def test_wandb_online_without_a_key_is_one_warning(tmp_path: Path):
    done = wandb(tmp_path, "online")
    assert done.returncode == 0 and done.stdout == ""
    assert [line.startswith("warning: tracker wandb stopped:") for line in done.stderr.splitlines()] == [True, True]


def records(path: Path) -> dict[str, object]:
    """What an offline run holds: a LevelDB-like log of protobuf records (32 KiB blocks, 7-byte headers)."""
    from wandb.proto import wandb_internal_pb2

    data, place, message = path.read_bytes(), 7, b""
    found: dict[str, object] = {"loss": [], "summary": {}}
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        message += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(message)
            message = b""
            read(record, found)
    return found


def read(record: object, found: dict) -> None:
    kind = record.WhichOneof("record_type")
    if kind == "run":
        found["name"], found["group"] = record.run.display_name, record.run.run_group
    if kind == "history":
        values = {item.key or "/".join(item.nested_key): item.value_json for item in record.history.item}
        found["loss"] += [float(values["loss"])] if "loss" in values else []
    if kind == "summary":
        found["summary"].update(
            {item.key or "/".join(item.nested_key): item.value_json for item in record.summary.update}
        )
    if kind == "exit":
        found["exit"] = record.exit.exit_code
