"""The same results, whatever becomes of the tracker: whole packs, trained in this process."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from command_line import TRAINED
from wandb_server import Mood, WandbServer, wandb_server

from tunegrid.cell.cell import Cell
from tunegrid.run import run_pack
from tunegrid.sweep.grid import grid_from

pytestmark = pytest.mark.slow


def trained(folder: Path, tracker: str) -> list[Cell]:
    cells = grid_from([*TRAINED, "method.rank=1,4", f"tracker={tracker}", f"output_root={folder}"]).cells
    for cell in cells:
        cell.write_config()
    run_pack(cells, {})
    return cells


def records(cell: Cell) -> tuple[object, ...]:
    """What must not depend on the tracker."""
    names = ("metrics.jsonl", "answers.jsonl", "samples.json")
    result = cell.result()
    assert result is not None
    return (*(cell.path(name).read_bytes() for name in names), result.status, result.scores)


@pytest.fixture(scope="module")
def untracked(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    return [records(cell) for cell in trained(tmp_path_factory.mktemp("none"), "none")]


@pytest.mark.parametrize("server", [Mood.HANGING, Mood.FAILING, None])
def test_a_tracker_out_of_order_changes_nothing_and_says_so_once(
    server: Mood | None,
    untracked: list[tuple[object, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    with there(server) as running:
        send_to(running, tmp_path, monkeypatch)
        cells = trained(tmp_path / "out", "wandb_online")
    assert [records(cell) for cell in cells] == untracked
    warnings = [line for line in capfd.readouterr().err.splitlines() if line.startswith("warning: tracker")]
    assert len(warnings) == 1 and "tunegrid sync" in warnings[0]


def test_a_server_has_every_number_when_the_training_has_ended(
    untracked: list[tuple[object, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    with wandb_server() as server:
        send_to(server, tmp_path, monkeypatch)
        cells = trained(tmp_path / "out", "wandb_online")
    assert [records(cell) for cell in cells] == untracked
    assert "warning" not in capfd.readouterr().err
    for cell in cells:
        (run,) = (name for name in server.history if name.startswith(cell.id))
        for key in ("loss", "val_loss"):
            assert server.rows(run, key) == [(row["step"], row[key]) for row in cell.metrics() if key in row]
        assert server.exits[run][-1] == 0


def there(server: Mood | None) -> AbstractContextManager[WandbServer | None]:
    return nullcontext() if server is None else wandb_server(server)


def send_to(server: WandbServer | None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send W&B to this server; to none: to a port where nobody listens."""
    nobody = {"WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": "a" * 40}
    for name, value in {**(server.environment() if server else nobody), "HOME": str(folder / "home")}.items():
        monkeypatch.setenv(name, value)
