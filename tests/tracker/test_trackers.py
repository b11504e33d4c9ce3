import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tunegrid.errors import ConfigError
from tunegrid.tracker import RunInfo
from tunegrid.tracker.csv import Csv
from tunegrid.tracker.wandb import Wandb, WandbMode


def info(folder: Path) -> RunInfo:
    (folder / "tracker").mkdir()
    (folder / "config.yaml").write_text("seed: 0\n")
    return RunInfo(id="id", name="lora_r4_s0", group="rank sweep", folder=folder)


def test_csv_holds_every_row_and_the_scores(tmp_path: Path):
    recorder = Csv().open(info(tmp_path))
    recorder.log(1, {"loss": 2.5, "lr": 0.1})
    recorder.log(2, {"loss": 2.0})
    recorder.finish({"BLEU": 0.5}, [], 0)
    with (tmp_path / "tracker/metrics.csv").open() as file:
        assert list(csv.reader(file)) == [
            ["step", "name", "value"],
            ["1", "loss", "2.5"],
            ["1", "lr", "0.1"],
            ["2", "loss", "2.0"],
        ]
    assert "BLEU,0.5" in (tmp_path / "tracker/scores.csv").read_text()


def test_csv_begins_anew_what_an_earlier_process_left(tmp_path: Path):
    run = info(tmp_path)
    earlier, recorder = Csv().open(run), Csv().open(run)
    earlier.finish({"BLEU": 0.5}, [], 0)
    recorder.log(1, {"loss": 2.5})
    recorder.finish({}, [], 1)
    assert recorder.first_step == 0
    assert (tmp_path / "tracker/metrics.csv").read_text() == "step,name,value\n1,loss,2.5\n"
    assert (tmp_path / "tracker/scores.csv").read_text() == "name,value\nexit_code,1\n"


def test_the_config_of_a_cell_is_that_of_its_folder_and_a_table_has_none(tmp_path: Path):
    assert info(tmp_path).config() == {"seed": 0}
    assert RunInfo(id="table", name="table", group="g", folder=tmp_path / "none").config() == {}


def test_a_project_without_a_name_is_refused():
    with pytest.raises(ConfigError, match=r"tracker\.project must be a name, got ''"):
        Wandb(mode=WandbMode.offline, project="", entity=None)


def test_tensorboard_without_its_package_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch):
    from tunegrid.tracker import tensorboard

    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs the package tensorboard; pip install 'tunegrid\[tensorboard\]'"):
        tensorboard.Tensorboard()


def test_tensorboard_reads_every_row_the_scores_and_the_config(tmp_path: Path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tunegrid.tracker.tensorboard import Tensorboard

    run = info(tmp_path)
    for _ in range(2):  # the second begins anew
        recorder = Tensorboard().open(run)
        recorder.log(1, {"loss": 2.5, "lr": 0.5})
        recorder.log(2, {"loss": 2.0})
        recorder.finish({"BLEU": 0.25}, [], 0)
    events = accumulator.EventAccumulator(str(tmp_path / "tracker"))
    events.Reload()
    scalars = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert scalars == {"loss": [(1, 2.5), (2, 2.0)], "lr": [(1, 0.5)], "score/BLEU": [(2, 0.25)]}
    assert b'"seed": 0' in events.Tensors("config")[0].tensor_proto.string_val[0]


WANDB = """
import sys
from pathlib import Path
from tunegrid.tracker import RunInfo
from tunegrid.tracker.wandb import Wandb, WandbMode

folder = Path(sys.argv[1])
tracker = Wandb(mode=WandbMode.offline, project="tests", entity=None)
for name in ("a", "b"):
    (folder / name / "tracker").mkdir(parents=True)
    (folder / name / "config.yaml").write_text("method: {rank: 4}")
tracker.open(RunInfo(id="a", name="earlier", group="ranks", folder=folder / "a")).finish({}, [], 1)
recorders = [tracker.open(RunInfo(id=name, name=name, group="ranks", folder=folder / name)) for name in ("a", "b")]
for step in (1, 2):
    for number, recorder in enumerate(recorders):
        recorder.log(step, {"loss": 10.0 * number + step})
table = folder / "table.csv"
table.write_text("rank,BLEU\\n4,0.5\\n")
for recorder in recorders:
    recorder.finish({"BLEU": 0.5}, [table], 0)
"""


def wandb(folder: Path) -> "subprocess.CompletedProcess[str]":
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")}
    (folder / "home").mkdir()
    (folder / "work").mkdir()
    places = {"HOME": str(folder / "home"), "XDG_CACHE_HOME": str(folder / "home/c"), "NETRC": str(folder / "none")}
    command = [sys.executable, "-c", WANDB, str(folder / "runs")]
    (folder / "runs").mkdir()
    return subprocess.run(
        command, env={**kept, **places}, cwd=folder / "work", capture_output=True, text=True, timeout=60, check=False
    )


def test_wandb_keeps_two_open_runs_apart_silently_and_inside_their_cells_and_replaces_an_earlier(tmp_path: Path):
    done = wandb(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    files = {name: list((tmp_path / "runs" / name / "tracker").rglob("run-*.wandb")) for name in ("a", "b")}
    assert [len(found) for found in files.values()] == [1, 1]
    contents = [records(found[0]) for found in files.values()]
    assert [run["name"] for run in contents] == ["a", "b"]
    assert [run["group"] for run in contents] == ["ranks", "ranks"]
    assert [run["loss"] for run in contents] == [[1.0, 2.0], [11.0, 12.0]]
    assert [run["exit"] for run in contents] == [0, 0]
    assert all(run["summary"]["BLEU"] == "0.5" for run in contents)
    copies = [found[0].parent / "files/table.csv" for found in files.values()]
    assert all(copy.read_text() == "rank,BLEU\n4,0.5\n" for copy in copies)
    assert list((tmp_path / "home").rglob("*")) == [] and list((tmp_path / "work").iterdir()) == []


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
