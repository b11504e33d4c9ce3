import errno
import os
from pathlib import Path
from threading import Thread

import pytest
from cell.made_cells import cell, complete, parts, room_for, scored

from tunegrid.atomic import DiskFullError, full_disk_told, sole_writer, write_atomically
from tunegrid.cell.cell import Cell
from tunegrid.cell.result import Status
from tunegrid.mistakes import explain, is_mistake
from tunegrid.sweep.job import run_cells

SIZES = [90 * number for number in range(30)]
"""In bytes; what is written below is larger than the last of them."""


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_atomically(tmp_path / "file", "old")

    def broken(descriptor: int) -> None:
        raise OSError("broken")

    monkeypatch.setattr("os.fsync", broken)
    with pytest.raises(OSError, match="broken"):
        write_atomically(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_one_line_that_names_the_file(number: int, tmp_path: Path):
    told = r"^here: the disk is full \(.*\); free some room"
    with pytest.raises(DiskFullError, match=told) as caught, full_disk_told(Path("here")):
        raise OSError(number, os.strerror(number))
    assert is_mistake(caught.value) and explain(caught.value) == str(caught.value)


def test_a_full_disk_is_known_by_the_words_of_libraries_in_rust():
    with pytest.raises(DiskFullError), full_disk_told(Path("here")):
        raise RuntimeError("I/O error: No space left on device (os error 28)")
    with pytest.raises(RuntimeError, match="os error 13"), full_disk_told(Path("here")):
        raise RuntimeError("I/O error: Permission denied (os error 13)")


def test_on_a_disk_that_is_full_at_30_sizes_the_result_before_stays(tmp_path: Path):
    own = complete(tmp_path, Status.INTERRUPTED)
    before = own.result()
    for size in SIZES:
        with room_for(size), pytest.raises(DiskFullError, match=r"result.json: the disk is full"):
            own.write_result(scored(own, Status.DONE))
        assert own.result() == before and own.verify() is Status.INTERRUPTED and parts(tmp_path) == []


def test_a_row_that_does_not_fit_is_told_and_leaves_the_rows_before_it(tmp_path: Path):
    own = cell(tmp_path)
    own.append_metrics({"step": 1})
    with room_for(18), pytest.raises(DiskFullError, match=r"metrics.jsonl: the disk is full"):
        own.append_metrics({"step": 2})
    assert own.path("metrics.jsonl").stat().st_size == 18 and own.metrics() == [{"step": 1}]
    own.append_metrics({"step": 2})
    assert own.metrics() == [{"step": 1}, {"step": 2}]


def test_a_disk_that_fills_up_in_a_run_is_the_cells_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    own = cell(tmp_path)

    def run_pack(cells: list[Cell], notes: dict[str, str]) -> None:
        write_atomically(cells[0].path("checkpoint/state.safetensors"), bytes(100_000))

    monkeypatch.setattr("tunegrid.run.run_pack", run_pack)
    with room_for(50_000):
        run_cells([own])
    result = own.result()
    assert result is not None and result.status is Status.FAILED and result.error is not None
    assert result.error.kind == "DiskFullError"
    assert result.error.message.startswith(f"{own.path('checkpoint/state.safetensors')}: the disk is full")
    assert "Traceback" not in capsys.readouterr().err and parts(tmp_path) == []


def test_writers_of_a_folder_take_turns(tmp_path: Path):
    order: list[str] = []

    def second() -> None:
        with sole_writer(tmp_path):
            order.append("second")

    with sole_writer(tmp_path):
        other = Thread(target=second)
        other.start()
        other.join(0.2)
        order.append("first")
    other.join()
    assert order == ["first", "second"]
