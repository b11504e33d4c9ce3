import json
from pathlib import Path

import pytest
from cell.made_cells import complete, flip
from command_line import SMALL, files, log, run

from tunegrid.cell.cell import lock
from tunegrid.cell.result import Status
from tunegrid.cell.schema import result_schema
from tunegrid.commands.verify import main
from tunegrid.errors import ConfigError


def test_a_sweep_runs_a_damaged_cell_again_and_no_other(tmp_path: Path):
    sweep = ("-m", *SMALL, "method.rank=1,2", "sweep.pack=off")
    assert run(tmp_path, *sweep).returncode == 0
    samples = sorted((tmp_path / "work/outputs/cells").glob("*/samples.json"))[0]
    flip(samples, 200)
    found = run(tmp_path, "verify")
    named = samples.relative_to(tmp_path / "work")
    assert (found.returncode, found.stderr) == (1, "")
    assert found.stdout == (
        f"{named}: not as it was written (its sha256 is another); the sweep runs the cell again\n"
        "2 cells read: 1 damaged file\n"
    )
    again = run(tmp_path, *sweep)
    assert again.returncode == 0 and "2 cells, 1 finished; 1 pack to run" in again.stderr
    assert len(log(tmp_path)) == 3
    whole = run(tmp_path, "verify", "--output-root", "outputs")
    assert (whole.returncode, whole.stdout) == (0, "2 cells read: 0 damaged files\n")


@pytest.mark.parametrize("text", ["{", '{"version": 1}'])
def test_force_runs_a_cell_whose_result_cannot_be_read(text: str, tmp_path: Path):
    assert run(tmp_path, *SMALL).returncode == 0
    (path,) = (tmp_path / "work/outputs/cells").glob("*/result.json")
    path.write_text(text)
    forced = run(tmp_path, "-m", *SMALL, "force=true")
    assert forced.returncode == 0, forced.stderr
    assert len(log(tmp_path)) == 2 and json.loads(path.read_text())["status"] == "done"


def test_another_versions_result_stops_a_sweep_in_one_line(tmp_path: Path):
    assert run(tmp_path, *SMALL).returncode == 0
    (path,) = (tmp_path / "work/outputs/cells").glob("*/result.json")
    path.write_text('{"version": 1}')
    before = files(tmp_path)
    refused = run(tmp_path, "-m", *SMALL)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1 and files(tmp_path) == before
    assert "its shape is of version 1, this tunegrid reads 3 and 4; force=true runs the cell anew" in refused.stderr
    assert main(["--output-root", str(tmp_path / "work/outputs")]) == 1


def test_a_damaged_checkpoint_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    own = complete(tmp_path, Status.INTERRUPTED)  # its checkpoint is none
    assert main(["--output-root", str(tmp_path)]) == 1
    line, total = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{own.path('checkpoint/state.safetensors')}: not as it was written (")
    assert total == "1 cell read: 1 damaged file"


def test_a_cell_that_a_process_is_running_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    own = complete(tmp_path)
    own.path("samples.json").unlink()
    with lock([own], wait=False):
        assert main(["--output-root", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "0 cells read: 0 damaged files\n"


def test_only_an_experiments_own_cells_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    complete(tmp_path).path("samples.json").unlink()
    assert main(["lora_rank", "--output-root", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("cells read: 0 damaged files\n")


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]):
    assert main(["--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == result_schema()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--output-root", "nowhere"],
            "nowhere/cells is no folder; name with --output-root the folder",
        ),
        (["--colour"], "tunegrid verify: unrecognized arguments: --colour; see tunegrid verify --help"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], message: str):
    with pytest.raises(ConfigError, match=message):
        main(arguments)
