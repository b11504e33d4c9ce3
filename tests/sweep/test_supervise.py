"""One supervisor: what it leaves alone, and what it records of a process that has died."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from cell.made_cells import cell, complete, finished, room_for
from command_line import SMALL

from tunegrid.cell.cell import Cell, lock
from tunegrid.cell.provenance import now
from tunegrid.cell.result import Failure, Status
from tunegrid.sweep.grid import composed, without_hydra
from tunegrid.sweep.job import CellsBusy, record_unfinished
from tunegrid.sweep.slots import Slot
from tunegrid.sweep.supervise import Job, Outcome, Supervisor


def outcome(of: Cell, command: Sequence[str], *overrides: str) -> Outcome:
    """Of a pack of one cell whose process is replaced by a command."""
    with composed([*SMALL, *overrides, f"output_root={of.run.output_root}"]) as (_, master):
        config = without_hydra(master)
    return Supervisor([Job(command=command, folders=[of.folder], limit_s=None, config=lambda: config)], [Slot()]).run()[
        0
    ]


def test_a_pack_that_another_process_is_running_is_given_back_at_once(tmp_path: Path):
    own, sign = cell(tmp_path), tmp_path / "started"
    own.write_config()
    with lock([own], wait=False):
        assert isinstance(outcome(own, [sys.executable, "-c", f"open({str(sign)!r}, 'w')"]), CellsBusy)
    assert not sign.exists() and own.status() is Status.PENDING


@pytest.mark.parametrize("code", [0, 3])
def test_a_death_before_an_older_version_was_replaced_is_recorded(code: int, tmp_path: Path):
    """With force=true: the process died before it could clear the cell."""
    own = complete(tmp_path)
    own.path("result.json").write_text('{"version": 1, "id": "x"}')
    assert outcome(own, [sys.executable, "-c", f"raise SystemExit({code})"], "force=true") is None
    result = own.result()
    assert result is not None and result.error is not None
    assert (result.status, result.error.kind) == (Status.FAILED, f"exit {code}")


def test_a_result_that_does_not_fit_is_one_line_and_the_next_is_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    full, fits = cell(tmp_path), cell(tmp_path, "seed=1")
    full.write_result(finished(full, Status.FAILED))
    size = full.path("result.json").stat().st_size
    full.path("result.json").unlink()
    failure = Failure(kind="exit 3", message="x" * 500)
    with room_for(size):
        assert record_unfinished([full, fits], now(), Status.FAILED, failure) == []
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == [str(made.path("result.json")) for made in (full, fits)]
    assert all("the disk is full (file too large); free some room" in line for line in lines)
