"""`tunegrid sync`: what a tracker does not have is sent, and nothing twice."""

from pathlib import Path

import pytest
from cell.made_cells import cell, scored
from command_line import SMALL, environment, run
from wandb_server import wandb_server

from tunegrid.cell.result import Status
from tunegrid.commands.sync import main
from tunegrid.errors import ConfigError

GRID = ("-m", *SMALL, "method.rank=1,4")


def trained(folder: Path) -> list[Path]:
    """The folders of two cells that are done, with four rows each."""
    cells = [cell(folder / "work/outputs", f"method.rank={rank}") for rank in (1, 4)]
    for made in cells:
        made.write_config()
        for step in (1, 2, 3, 4):
            made.append_metrics({"step": step, "loss": float(step)})
        made.write_result(scored(made, Status.DONE))
    return sorted(made.folder for made in cells)


def offline_runs(folder: Path) -> list[Path]:
    return sorted((folder / "work").rglob("offline-run-*"))


def test_everything_is_sent_once_and_what_went_on_once_more_in_place_of_its_run(tmp_path: Path):
    cells, table = trained(tmp_path), tmp_path / "work/outputs/sweep"
    table.mkdir()
    (table / "table.csv").write_text("rank,BLEU\n4,0.5\n")
    first = run(tmp_path, "sync", *GRID, "tracker=wandb")
    assert (first.returncode, first.stdout, first.stderr) == (0, "wandb offline tunegrid: 3 sent\n", "")
    runs = offline_runs(tmp_path)
    assert sorted(path.parents[2] for path in runs) == [*cells, table]
    files = {path.name for path in tmp_path.rglob("offline-run-*/files/*")}
    assert files >= {"result.json", "table.csv"}
    with (cells[0] / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "loss": 5.0}\n')
    again = run(tmp_path, "sync", *GRID, "tracker=wandb")
    assert (again.returncode, again.stdout) == (0, "wandb offline tunegrid: 1 sent, 2 there already\n")
    assert list(map(identifier, offline_runs(tmp_path))) == list(map(identifier, runs))
    assert run(tmp_path, "sync", *GRID, "tracker=csv").stdout == "csv: 3 sent\n"


def identifier(run: Path) -> str:
    """Of `offline-run-<date>_<time>-<id>`."""
    return run.name.split("-", 3)[3]


def test_a_server_gets_every_row_once_whatever_happened_before(tmp_path: Path):
    cells = trained(tmp_path)
    online = ("sync", *GRID, "tracker=wandb_online", "tracker.project=p")
    with wandb_server() as server:
        where = {**environment(tmp_path), **server.environment()}
        rows = (cells[0] / "metrics.jsonl").read_text().splitlines(keepends=True)
        (cells[0] / "metrics.jsonl").write_text("".join(rows[:2]))
        half = run(tmp_path, *online, **where)
        (cells[0] / "metrics.jsonl").write_text("".join(rows))
        failed = run(tmp_path, *online, WANDB_BASE_URL=where["WANDB_BASE_URL"])
        sent = run(tmp_path, *online, **where)
        again = run(tmp_path, *online, **where)
    assert half.stdout == "wandb online p: 2 sent, 1 without records\n"
    assert failed.returncode == 1, failed.stdout
    assert failed.stderr.startswith("error: lora_r") and failed.stderr.count("\n") == 1
    assert (
        sent.stdout == "wandb online p: 1 sent, 1 there already, 1 without records\n"
        and again.stdout == "wandb online p: 2 there already, 1 without records\n"
    )
    assert [server.rows(name, "loss") for name in server.history] == [[(n, float(n)) for n in (1, 2, 3, 4)]] * 2
    assert [codes[-1] for codes in server.exits.values()] == [0, 0]


def test_a_damaged_cell_is_left_out_and_the_others_are_sent(tmp_path: Path):
    cells = trained(tmp_path)
    with (cells[0] / "metrics.jsonl").open("a") as file:
        file.write("{not JSON}\n")
    done = run(tmp_path, "sync", *GRID, "tracker=csv")
    outcomes = {"1 left out (see tunegrid verify)", "1 sent", "1 without records"}
    assert set(done.stdout.strip().removeprefix("csv: ").split(", ")) == outcomes
    assert (done.returncode, done.stderr) == (0, "")


def test_what_was_not_run_is_said(tmp_path: Path):
    done = run(tmp_path, "sync", *GRID, "tracker=csv")
    assert (done.returncode, done.stdout) == (0, "csv: 3 without records\n")
    assert not (tmp_path / "work/outputs").exists()


def test_an_experiment_is_named_by_its_file(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert main(["lora_rank_demo", "tracker=csv", f"output_root={tmp_path}"]) == 0
    assert "without records" in capsys.readouterr().out and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lora_rank_demo", "tracker=none"], "tracker=none mirrors nothing; name another, for example tracker=wandb"),
        (["--nope"], "unrecognized arguments: --nope"),
    ],
)
def test_mistakes(arguments: list[str], message: str):
    with pytest.raises(ConfigError, match=message):
        main(arguments)


def test_help(capsys: pytest.CaptureFixture[str]):
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: tunegrid sync EXPERIMENT")
