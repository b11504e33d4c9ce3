import random
import shutil
from pathlib import Path

import pytest
from cell.made_cells import cell, complete, flip

from tunegrid.cell.cell import Cell
from tunegrid.cell.integrity import damage
from tunegrid.cell.result import Status
from tunegrid.errors import DamagedError
from tunegrid.table.cells import load_cell

FILES = (
    "result.json",
    "samples.json",
    "config.yaml",
    "metrics.jsonl",
    "answers.jsonl",
    "adapter/adapter_config.json",
    "adapter/adapter_model.safetensors",
)


def spoil(path: Path, chance: random.Random) -> None:
    """Turn a random bit, or cut the file at a random place."""
    size = path.stat().st_size
    if chance.random() < 0.7:
        flip(path, chance.randrange(size * 8))
    else:
        path.write_bytes(path.read_bytes()[: chance.randrange(size)])


def test_of_105_random_flips_and_cuts_all_are_found_and_none_is_read(tmp_path: Path):
    chance, whole = random.Random(0), complete(tmp_path / "whole")
    assert whole.verify() is Status.DONE and damage(whole.folder) == {}
    for number in range(15 * len(FILES)):
        name = FILES[number % len(FILES)]
        own = cell(tmp_path / str(number))
        shutil.copytree(whole.folder, own.folder)
        spoil(own.path(name), chance)
        assert own.verify() is Status.DAMAGED and list(damage(own.folder)) == [name], (number, name)
        if name == "result.json":
            assert own.result() is None and own.status() is Status.DAMAGED
        if name in ("result.json", "samples.json"):
            assert load_cell(own.id, own.config, own.folder).status is Status.DAMAGED, (number, name)


@pytest.mark.parametrize("name", FILES[1:])
def test_what_is_missing_or_of_another_size_shows_without_reading_it(name: str, tmp_path: Path):
    own = complete(tmp_path)
    with own.path(name).open("ab") as file:
        file.write(b"x")
    assert own.status() is Status.DAMAGED and own.result() is None
    own.path(name).unlink()
    assert own.status() is Status.DAMAGED and "it is missing" in damage(own.folder)[name]


def test_damaged_samples_are_not_read(tmp_path: Path):
    own = complete(tmp_path)
    flip(own.path("samples.json"), 100)
    with pytest.raises(DamagedError, match=r"samples.json: not as it was written \(its sha256 is another\)"):
        own.samples()


def test_samples_that_the_result_does_not_name_are_not_read(tmp_path: Path):
    own = cell(tmp_path)
    complete(tmp_path)
    result = own.result()
    assert result is not None
    own.path("samples.json").unlink()
    own.write_result(result)
    own.path("samples.json").write_text("{}")
    with pytest.raises(DamagedError, match=r"samples.json: not as it was written \(result.json does not name it\)"):
        own.samples()


def test_a_cell_that_has_not_ended_is_not_damaged(tmp_path: Path):
    own: Cell = cell(tmp_path)
    assert own.verify() is Status.PENDING
    own.write_config()
    own.append_metrics({"step": 1})
    assert own.verify() is Status.PENDING
