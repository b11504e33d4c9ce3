import json
from pathlib import Path

import pytest

from tunegrid.errors import DamagedError
from tunegrid.tracker.tail import Tail


def write(path: Path, *rows: dict[str, float], end: str = "") -> None:
    with path.open("a") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows) + end)


def test_a_step_is_whole_once_a_later_one_has_begun(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    tail = Tail(path)
    assert list(tail.steps(ended=False)) == []
    write(path, {"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0})
    assert list(tail.steps(ended=False)) == [(1, {"loss": 3.0})]
    write(path, {"step": 2, "val_loss": 2.5}, {"step": 3, "loss": 1.0})
    assert list(tail.steps(ended=False)) == [(2, {"loss": 2.0, "val_loss": 2.5})]
    assert list(tail.steps(ended=True)) == [(3, {"loss": 1.0})]
    assert list(tail.steps(ended=True)) == []


def test_a_row_that_is_being_written_is_read_later(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    tail = Tail(path)
    write(path, {"step": 1, "loss": 3.0}, end='{"step": 2, ')
    assert list(tail.steps(ended=False)) == []
    write(path, end='"loss": 2.0}\n')
    assert list(tail.steps(ended=True)) == [(1, {"loss": 3.0}), (2, {"loss": 2.0})]


@pytest.mark.parametrize("line", ['{"step": 2, "lo', '{"stfp": 2}', "2", '"a"'])
def test_a_line_that_is_no_row_is_damage(line: str, tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    write(path, {"step": 1, "loss": 3.0}, end=f"{line}\n")
    with pytest.raises(DamagedError, match=r"metrics.jsonl: not as it was written"):
        list(Tail(path).steps(ended=True))


def test_no_step_comes_twice(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    write(path, *({"step": step, "loss": float(i)} for i, step in enumerate((1, 2, 1, 2, 3))))
    assert [step for step, _ in Tail(path).steps(ended=True)] == [1, 2, 3]
