"""PEFT's recorded runs, with intervals against scipy-free closed forms and the real files where they are."""

import json
from pathlib import Path

import numpy as np
import pytest

from tunegrid.errors import ConfigError, DataError
from tunegrid.table.imported import (
    ITEMS,
    from_first,
    from_reference,
    imported_grid,
    read_runs,
    two_proportions,
    wilson_half_width,
)

SHARED = Path(__file__).parents[3] / "shared/data/runs_peft_metamathqa"


def write(folder: Path, name: str, accuracy: float, status: str = "success") -> None:
    found = {
        "status": status,
        "num_trainable_params": 10,
        "accelerator_memory_max": 2_000_000_000,
        "train_time": 600.0,
        "file_size": 1000,
        "metrics": [{"step": 1, "valid accuracy": 0.1}, {"test accuracy": accuracy}],
    }
    (folder / f"{name}.json").write_text(json.dumps({"train_info": found}))


def test_intervals_and_p_values_are_those_of_the_textbook() -> None:
    """Wilson's interval for 10 of 50 is .1124 to .3304; 45 of 100 against 65 of 100 gives z = 2.843, p = .0045."""
    assert 2 * wilson_half_width(0.2, 50) == pytest.approx(0.3304 - 0.1124, abs=2e-4)
    assert two_proportions(0.45, 0.65, 100) == pytest.approx(0.00447, abs=1e-4)
    assert two_proportions(0.5, 0.5, 100) == 1


def test_a_reference_named_beforehand_counts_the_others_and_the_best_counts_all_pairs() -> None:
    """.5 against .455 of 1,319: z = 2.313, p = .0207; twice it is below 5 %, three times it, of three pairs, is not."""
    assert from_reference([0.5, 0.455, 0.455], 0) == pytest.approx([1, 0.0414, 0.0414], abs=1e-4)
    assert from_first([0.5, 0.455, 0.455]) == pytest.approx([1, 0.0621, 0.0621], abs=1e-4)
    assert from_reference([0.455, 0.5, 0.455], 1) == pytest.approx([0.0414, 1, 0.0414], abs=1e-4)


def test_of_equal_runs_the_best_is_seldom_told_from_another() -> None:
    """2,000 comparisons of eight equal runs: at most 5 % have any difference, though the best is chosen."""
    draw = np.random.default_rng(0)
    shares = -np.sort(-draw.binomial(ITEMS, 0.5, (2000, 8)) / ITEMS)
    best_alone = np.mean([min(from_reference(list(row), 0)) < 0.05 for row in shares])
    all_pairs = np.mean([min(from_first(list(row))) < 0.05 for row in shares])
    assert all_pairs <= 0.05 < best_alone


def test_runs_are_told_apart_only_beyond_their_noise(tmp_path: Path) -> None:
    for name, accuracy in (("best", 0.5), ("near", 0.49), ("far", 0.3)):
        write(tmp_path, name, accuracy)
    write(tmp_path, "crashed", 0.9, status="failed")
    grid = imported_grid(read_runs(tmp_path), None)
    assert [(row[0].text, row[3].text[:3]) for row in grid.rows] == [("best", "–"), ("near", "no "), ("far", "yes")]
    assert [row[3].text[:2] for row in imported_grid(read_runs(tmp_path), "near").rows] == ["no", "–", "ye"]


def test_mistakes_name_the_file_or_the_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no \*\.json in it; name a results folder"):
        read_runs(tmp_path)
    write(tmp_path, "one", 0.4)
    with pytest.raises(ConfigError, match="--reference: unknown run 'on'; did you mean one"):
        imported_grid(read_runs(tmp_path), "on")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DataError, match=r"other\.json: not a result of PEFT's method_comparison .no 'train_info'"):
        read_runs(tmp_path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded runs are not here")
def test_the_recorded_runs_are_read_as_recorded() -> None:
    recorded = json.loads((SHARED / "_table.json").read_text())
    runs = {run.name: run for run in read_runs(SHARED)}
    assert len(runs) == sum(row["status"] == "success" for row in recorded.values())
    assert all(run.accuracy == recorded[name]["test accuracy"] for name, run in runs.items())
    assert all(run.parameters == recorded[name]["num_trainable_params"] for name, run in runs.items())
