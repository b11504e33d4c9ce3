import json
from pathlib import Path

import numpy as np
import pytest
from table.synthetic_cells import config, mean_statistics, out_of_memory, record, write

from tunegrid.errors import DataError
from tunegrid.result import Status
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


def test_an_unfinished_cell_needs_no_samples(tmp_path: Path):
    write(out_of_memory(4, 0), tmp_path / "a")
    (tmp_path / "a" / "samples.json").unlink()
    assert load_cell("a", config(4, 0), tmp_path / "a").status is Status.OOM


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (None, r"samples\.json: not the samples of a finished cell .*force=true"),
        ("{", r"samples\.json: not the samples"),
        (json.dumps({"BLEU": [1]}), r"samples\.json: not the samples"),
        (json.dumps({"BLEU": {"statistics": []}}), r"BLEU\.statistics must be a non-empty list of rows"),
        (json.dumps({"BLEU": {"statistics": [[1, 2], [3]]}}), r"samples\.json: not the samples"),
    ],
)
def test_broken_samples_are_refused_by_name(tmp_path: Path, samples: str | None, message: str):
    write(record(4), tmp_path / "a")
    path = tmp_path / "a" / "samples.json"
    path.unlink() if samples is None else path.write_text(samples, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        load_cell("a", config(4, 0), tmp_path / "a")
