from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from table.synthetic_cells import config, mean_statistics, out_of_memory, record, write

from tunegrid.cell.result import Status
from tunegrid.errors import DataError
from tunegrid.table.cells import load_cell


def test_a_written_cell_is_read_back(tmp_path: Path):
    statistics = {"ROUGE_L": mean_statistics([0.2, 0.4])}
    write(record(4, 1, statistics), tmp_path / "a")
    cell = load_cell("a", config(4, 1), tmp_path / "a")
    assert cell.is_done
    assert not cell.is_base
    assert cell.score("ROUGE_L") == pytest.approx(0.3)
    assert cell.score("BLEU") is None
    np.testing.assert_array_equal(cell.statistics["ROUGE_L"], statistics["ROUGE_L"])


def test_a_folder_without_result_is_pending(tmp_path: Path):
    assert load_cell("a", config(None, 0), tmp_path).status is Status.PENDING
    assert load_cell("a", config(None, 0), tmp_path).is_base


DRAWN = [("model", "cell"), ("objective", "candidates"), ("objective", "constitution")]


@pytest.mark.parametrize(("group", "name"), DRAWN)
def test_what_another_cell_has_trained_or_a_seed_draws_is_not_the_untrained_model(
    group: str, name: str, tmp_path: Path
):
    bare = config(None, 0)
    changed = {**bare, "schema": {**bare.get("schema", {}), "method": "base", group: name}}
    assert load_cell("a", bare, tmp_path).is_base and not load_cell("a", changed, tmp_path).is_base


def test_an_unfinished_cell_needs_no_samples(tmp_path: Path):
    (tmp_path / "a").mkdir()
    result = out_of_memory(4, 0).result
    assert result is not None
    result.write(tmp_path / "a" / "result.json")
    assert load_cell("a", config(4, 0), tmp_path / "a").status is Status.OOM


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("samples.json", None, "it is missing"),
        ("samples.json", b"{", "1 bytes of 41"),
        ("samples.json", b'{"ROUGE_L": {"statistics": [[0.9, 1.0]]}}', "its sha256 is another"),
        ("result.json", b"{", "Expecting property name"),
    ],
)
def test_a_damaged_cell_has_no_result_and_says_which_file_it_is(
    name: str, content: bytes | None, reason: str, tmp_path: Path
):
    write(record(4, statistics={"ROUGE_L": mean_statistics([0.2])}), tmp_path / "a")
    path = tmp_path / "a" / name
    path.unlink() if content is None else path.write_bytes(content)
    cell = load_cell("a", config(4, 0), tmp_path / "a")
    assert cell.status is Status.DAMAGED and not cell.is_done
    assert (cell.result, dict(cell.statistics), cell.score("ROUGE_L")) == (None, {}, None)
    assert cell.damage is not None and cell.damage.startswith(f"{path}: not as it was written ({reason}")


def test_samples_without_a_single_item_are_refused_by_name(tmp_path: Path):
    write(replace(record(4), statistics={"ROUGE_L": np.empty((0, 2))}), tmp_path / "a")
    with pytest.raises(DataError, match=r"samples\.json: ROUGE_L\.statistics must be a non-empty list of rows"):
        load_cell("a", config(4, 0), tmp_path / "a")


def test_another_versions_cell_is_one_line_that_names_the_way_out(tmp_path: Path):
    (tmp_path / "result.json").write_text('{"version": 1}')
    with pytest.raises(DataError, match=r"result\.json: its shape is of version 1, .*; force=true runs the cell anew"):
        load_cell("a", config(4, 0), tmp_path)
