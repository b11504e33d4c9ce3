import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cell.made_cells import cell, flip, scored
from filelock import Timeout

from tunegrid.cell.result import Status
from tunegrid.errors import DamagedError
from tunegrid.tracker import Recorder, RunInfo, Tracker
from tunegrid.tracker.mirror import Mirror
from tunegrid.tracker.mirrored import has_reached, is_mirrored


@dataclass(slots=True)
class Remembered(Recorder):
    run: str
    first_step: int = 0
    steps: list[int] = field(default_factory=list)
    finished: list[tuple[dict[str, float], list[str], int]] = field(default_factory=list)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.steps.append(step)

    def finish(self, scores: Mapping[str, float], artifacts: list[Path], exit_code: int) -> None:
        self.finished.append((dict(scores), [path.name for path in artifacts], exit_code))


@dataclass(kw_only=True, slots=True)
class Memory(Tracker):
    """Keeps runs in a list; those it has it goes on with, as a server does."""

    runs: list[Remembered] = field(default_factory=list)

    @property
    def destination(self) -> str:
        return "memory"

    def open(self, info: RunInfo) -> Recorder:
        known = [run.steps for run in self.runs if run.run == info.id]
        self.runs.append(
            Remembered(info.id, first_step=max((step for steps in known for step in steps), default=-1) + 1)
        )
        return self.runs[-1]


def info(folder: Path) -> RunInfo:
    return RunInfo(id="abc", name="lora_r4_s0", group="ranks", folder=folder)


def mirror(tracker: Tracker, folder: Path) -> Mirror:
    return Mirror(tracker, info(folder), lock_patience_s=0)


def record(folder: Path, *steps: int) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / "metrics.jsonl").open("a") as file:
        file.writelines(json.dumps({"step": step, "loss": 1.0}) + "\n" for step in steps)


def end(folder: Path, status: Status) -> None:
    scored(cell(folder), status).write(folder / "result.json")


def test_a_cell_is_followed_and_its_result_comes_last(tmp_path: Path):
    tracker = Memory()
    following = mirror(tracker, tmp_path)
    following.send()
    assert tracker.runs == []
    record(tmp_path, 1, 2, 3)
    following.send()
    assert tracker.runs[0].steps == [1, 2] and tracker.runs[0].run.startswith("abc-")
    record(tmp_path, 4)
    end(tmp_path, Status.DONE)
    following.finish()
    assert tracker.runs[0].steps == [1, 2, 3, 4]
    assert tracker.runs[0].finished == [({"val_loss": 0.1 + 0.2}, ["result.json"], 0)]
    assert is_mirrored(tmp_path, "memory") and not has_reached(tmp_path, "elsewhere")


@pytest.mark.parametrize("status", [Status.FAILED, Status.INTERRUPTED, Status.DIVERGED])
def test_a_cell_that_is_not_done_is_a_failed_run(tmp_path: Path, status: Status):
    tracker = Memory()
    record(tmp_path, 1)
    end(tmp_path, status)
    mirror(tracker, tmp_path).finish()
    assert tracker.runs[0].finished == [({"val_loss": 0.1 + 0.2}, ["result.json"], 1)]


def test_a_mirror_that_died_is_gone_on_with_and_nothing_is_sent_twice(tmp_path: Path):
    tracker = Memory()
    record(tmp_path, 1, 2, 3)
    died = mirror(tracker, tmp_path)
    died.send()
    died._lock.release()  # as the system does when its process ends
    end(tmp_path, Status.DONE)
    mirror(tracker, tmp_path).finish()
    assert [run.steps for run in tracker.runs] == [[1, 2], [3]]
    assert len({run.run for run in tracker.runs}) == 1


def test_a_cell_that_went_on_is_not_mirrored_yet(tmp_path: Path):
    tracker = Memory()
    record(tmp_path, 1)
    mirror(tracker, tmp_path).finish()
    assert is_mirrored(tmp_path, "memory") and tracker.runs[0].finished == [({}, [], 1)]
    end(tmp_path, Status.DONE)
    assert not is_mirrored(tmp_path, "memory") and has_reached(tmp_path, "memory")


def test_a_table_is_a_run_without_steps(tmp_path: Path):
    tracker = Memory()
    for name in ("table.md", "table.csv", "notes.txt"):
        (tmp_path / name).write_text("x")
    mirror(tracker, tmp_path).finish()
    assert tracker.runs[0].finished == [({}, ["table.csv", "table.md"], 0)]


def test_a_folder_without_records_makes_no_run(tmp_path: Path):
    tracker = Memory()
    mirror(tracker, tmp_path).finish()
    assert tracker.runs == [] and list(tmp_path.iterdir()) == []


def test_a_damaged_result_is_not_sent(tmp_path: Path):
    tracker = Memory()
    record(tmp_path, 1)
    end(tmp_path, Status.DONE)
    flip(tmp_path / "result.json", 200)
    with pytest.raises(DamagedError):
        mirror(tracker, tmp_path).finish()
    assert tracker.runs == []


def test_what_was_mirrored_is_forgotten_where_that_is_damaged(tmp_path: Path):
    tracker = Memory()
    record(tmp_path, 1)
    end(tmp_path, Status.DONE)
    mirror(tracker, tmp_path).finish()
    (tmp_path / "tracker" / "mirrored.json").write_text('{"run": "abc-')
    assert not is_mirrored(tmp_path, "memory") and not has_reached(tmp_path, "memory")
    mirror(tracker, tmp_path).finish()
    assert is_mirrored(tmp_path, "memory") and [run.steps for run in tracker.runs] == [[1], [1]]


def test_two_mirrors_do_not_send_the_same_cell_at_once(tmp_path: Path):
    tracker = Memory()
    record(tmp_path, 1, 2)
    first = mirror(tracker, tmp_path)
    first.send()
    with pytest.raises(Timeout):
        mirror(tracker, tmp_path).finish()
    assert len(tracker.runs) == 1
    first.finish()
