from pathlib import Path

import pytest
from cell.made_cells import cell, complete, finished, flip, parts

from tunegrid.cell.cell import Cell, lock
from tunegrid.cell.result import Status
from tunegrid.cell.start import begin, offer

OUTCOME = ("result.json", "answers.jsonl", "samples.json", "adapter")


def names(of: Cell) -> set[str]:
    return {path.name for path in of.folder.iterdir()}


@pytest.mark.parametrize("status", [Status.INTERRUPTED, Status.FAILED, Status.PRUNED])
def test_a_cell_goes_on_from_its_checkpoint_and_metrics(status: Status, tmp_path: Path):
    own = complete(tmp_path, status)
    begin(own)
    assert own.status() is Status.PENDING
    assert names(own) == {"config.yaml", "metrics.jsonl", "checkpoint"} and len(own.metrics()) == 19


def test_without_a_checkpoint_it_starts_anew(tmp_path: Path):
    own = complete(tmp_path)  # a done cell keeps none
    begin(own)
    assert names(own) == {"config.yaml"}


@pytest.mark.parametrize("name", ["result.json", "samples.json", "config.yaml", "answers.jsonl"])
def test_damage_elsewhere_costs_neither_checkpoint_nor_metrics(name: str, tmp_path: Path):
    own = complete(tmp_path, Status.INTERRUPTED)
    flip(own.path(name), 1000)
    begin(own)
    assert names(own) == {"config.yaml", "metrics.jsonl", "checkpoint"}


def test_damaged_metrics_cost_the_checkpoint_too(tmp_path: Path):
    own = complete(tmp_path, Status.INTERRUPTED)
    metrics = own.path("metrics.jsonl")
    metrics.write_bytes(metrics.read_bytes().replace(b"1e-05", b"2e-05"))
    begin(own)
    assert names(own) == {"config.yaml"}


def test_metrics_that_cannot_be_read_cost_the_checkpoint_too(tmp_path: Path):
    own = complete(tmp_path, Status.INTERRUPTED)
    own.path("result.json").unlink()  # killed: nothing vouches for the other files
    own.path("metrics.jsonl").write_text('{"step": 1\n{"step": 2}\n')
    begin(own)
    assert names(own) == {"config.yaml"}


def test_what_a_killed_process_left_half_written_goes_and_what_a_mirror_writes_stays(tmp_path: Path):
    own = complete(tmp_path, Status.INTERRUPTED)
    for left in (".samples.json.abc.part", "checkpoint/.state.safetensors.abc.part", "tracker/.wandb.json.abc.part"):
        own.path(left).parent.mkdir(exist_ok=True)
        own.path(left).touch()
    own.path(".adapter.abc.part").mkdir()
    (own.path(".adapter.abc.part") / "adapter_model.safetensors").touch()
    begin(own)
    assert names(own) == {"config.yaml", "metrics.jsonl", "checkpoint", "tracker"}
    assert parts(tmp_path) == [".wandb.json.abc.part"]


def test_offering_a_cell_touches_no_config_that_fits(tmp_path: Path):
    own = complete(tmp_path, Status.DONE, "hardware.threads=1")
    elsewhere = cell(tmp_path, "hardware.threads=2")
    offer(elsewhere)
    assert own.verify() is Status.DONE  # its config.yaml, with its own hardware, is the one that the result names


@pytest.mark.parametrize("content", [None, "", "a: [", "method: {rank: 3}", "\0"])
def test_offering_a_cell_mends_its_config(content: str | None, tmp_path: Path):
    own = cell(tmp_path)
    if content is not None:
        own.folder.mkdir(parents=True)
        own.path("config.yaml").write_text(content)
    offer(own)
    assert Cell.load(own.id, own.run).config == own.config


def test_a_cell_that_another_process_runs_is_left_alone(tmp_path: Path):
    own = cell(tmp_path)
    with lock([own], wait=False):
        offer(own)
        assert names(own) == {".lock"}


def test_clearing_takes_the_result_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A reader meanwhile finds a cell that has not run, and never a result without its files."""
    own = complete(tmp_path)
    removed: list[str] = []
    monkeypatch.setattr("tunegrid.cell.cell.remove", lambda path: removed.append(path.name))
    own.clear()
    assert removed[0] == "result.json" and len(removed) == 5  # not the config


def test_a_done_cell_keeps_no_checkpoint_and_every_other_does(tmp_path: Path):
    for status in (Status.DONE, Status.DIVERGED, Status.INTERRUPTED):
        own = complete(tmp_path / status.value, status)
        assert own.path("checkpoint").exists() is (status is not Status.DONE)
    assert own.result() is not None and finished(own).files == {}
