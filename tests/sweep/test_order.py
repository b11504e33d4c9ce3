"""Neither the order in which cells run, nor who runs them, nor the process' surroundings leave a trace in the table."""

import json
from pathlib import Path

import pytest
from command_line import SMALL, finish, log, run, start

FIXED = ("-m", *SMALL, "table.row=objective.learning_rate", "sweep.pack=off")
GRID = (*FIXED, "objective.learning_rate=1e-3,1e-2", "seed=0,1")
SHUFFLED = (*FIXED, "seed=1,0", "objective.learning_rate=1e-2,1e-3")
ORDER = ["lora_r8_s0", "lora_r8_s1", "lora_r8_s0", "lora_r8_s1"]
LOSS = {"STAND_IN_BOWL": "0"}
"""Every cell has a validation loss of its own."""


def tables(folder: Path, root: str = "work/outputs") -> dict[str, bytes]:
    """Every byte of every form of the table; the stand-in's costs are the same in all runs, so none is left out."""
    return {path.name: path.read_bytes() for path in (folder / root / "sweep").glob("table.*")}


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serial")
    assert run(folder, *GRID, **LOSS).returncode == 0
    assert log(folder) == ORDER and set(tables(folder)) == {"table.md", "table.csv", "table.tex", "table.html"}
    return folder


def test_two_workers_give_the_table_of_one(serial: Path, tmp_path: Path) -> None:
    done = run(tmp_path, *GRID, "hydra.launcher.workers=2", **LOSS)
    assert done.returncode == 0, done.stderr
    assert tables(tmp_path) == tables(serial)


def test_cells_that_ran_in_another_order_give_the_same_table(serial: Path, tmp_path: Path) -> None:
    """A table's rows follow its own grid: it is asked for in the reference's order, when nothing is left to run."""
    assert run(tmp_path, *SHUFFLED, **LOSS).returncode == 0
    assert log(tmp_path) == ["lora_r8_s1"] * 2 + ["lora_r8_s0"] * 2
    done = run(tmp_path, *GRID)
    assert done.returncode == 0 and "4 finished; 0 packs" in done.stderr
    assert tables(tmp_path) == tables(serial)


@pytest.mark.slow
def test_sweeps_that_share_a_folder_share_the_work_and_end_with_the_same_table(serial: Path, tmp_path: Path) -> None:
    """Three at once, one of them through the grid in another order; every cell is run by one of them."""
    sweeps = [start(tmp_path, *grid, STAND_IN_SECONDS="1", **LOSS) for grid in (GRID, GRID, SHUFFLED)]
    ends = [finish(process) for process in sweeps]
    assert [process.returncode for process in sweeps] == [0, 0, 0], ends
    assert ends[0][0] == ends[1][0]
    assert sorted(log(tmp_path)) == sorted(ORDER)
    assert together(tmp_path) > 1, "each waited for the other instead of taking the next pack"
    assert run(tmp_path, *GRID).returncode == 0
    assert tables(tmp_path) == tables(serial)


def together(folder: Path) -> int:
    """How many cells ran at the same time, at most: a cell's config is written as it starts, its result as it ends."""
    spans = []
    for cell in (folder / "work/outputs/cells").iterdir():
        spans.append(((cell / "config.yaml").stat().st_mtime, (cell / "result.json").stat().st_mtime))
    return max(sum(start <= begun < end for start, end in spans) for begun, _ in spans)


@pytest.mark.parametrize("locale", ["C", "tr_TR.UTF-8"])
def test_surroundings_leave_no_trace(locale: str, serial: Path, tmp_path: Path) -> None:
    """Hash seed, locale, time zone and working directory; a cell's id and its result's config are compared too."""
    around = {"PYTHONHASHSEED": "12345", "LC_ALL": locale, "TZ": "Pacific/Kiritimati", **LOSS}
    done = run(tmp_path, *GRID, f"output_root={tmp_path / 'elsewhere'}", **around)
    assert done.returncode == 0, done.stderr
    assert tables(tmp_path, "elsewhere") == tables(serial)
    assert configs(tmp_path / "elsewhere") == configs(serial / "work/outputs")


def configs(root: Path) -> dict[str, object]:
    return {path.parent.name: json.loads(path.read_text())["config"] for path in root.glob("cells/*/result.json")}
