"""PEFT's recorded runs, with intervals against scipy-free closed forms and the real files where they are."""

import json
from pathlib import Path

import pytest

from tunegrid.errors import ConfigError, DataError
from tunegrid.table.imported import adjusted, imported_grid, read_runs, two_proportions, wilson_half_width

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


def test_holms_adjustment_grows_and_leaves_the_reference_alone() -> None:
    """Four p-values, m = 4: .005·4, .01·3, then the larger of .03·2 and .04·1."""
    assert adjusted([0.01, 0.9, 0.04, 0.03, 0.005], 1) == pytest.approx([0.03, 0.9, 0.06, 0.06, 0.02])


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
