"""The mirror's process: it follows, it ends with the training, and whatever becomes of it is one line."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import wait_until
from wandb_server import Mood, wandb_server

from tunegrid.config import register_components
from tunegrid.tracker import RunInfo, Tracker
from tunegrid.tracker.csv import Csv
from tunegrid.tracker.mirrored import is_mirrored
from tunegrid.tracker.none import NoTracker
from tunegrid.tracker.process import MirrorProcess, from_record, to_record
from tunegrid.tracker.wandb import Wandb, WandbMode

ONLINE = Wandb(mode=WandbMode.online, project="tests", entity=None)


@pytest.fixture
def cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunInfo:
    """A cell with two rows, of which the first can be sent, and nothing of W&B's from outside."""
    for name in [name for name in os.environ if name.startswith("WANDB")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "cell"
    folder.mkdir()
    log(folder, 1)
    log(folder, 2)
    return RunInfo(id="abc", name="lora_r4_s0", group="ranks", folder=folder)


def log(folder: Path, step: int) -> None:
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(f'{{"step": {step}, "loss": {float(step)}}}\n')


def lines(folder: Path) -> int:
    path = folder / "tracker" / "metrics.csv"
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.parametrize("tracker", [Csv(), ONLINE], ids=["csv", "wandb"])
def test_a_tracker_survives_the_way_to_its_process(tracker: Tracker):
    register_components()
    assert from_record(to_record(tracker)) == tracker


def test_rows_are_mirrored_while_they_come_and_the_last_at_the_end(cell: RunInfo, capfd: pytest.CaptureFixture[str]):
    mirror = MirrorProcess(Csv(), [cell])
    mirror.start()
    wait_until(lambda: lines(cell.folder) == 2)
    log(cell.folder, 3)
    wait_until(lambda: lines(cell.folder) == 3)
    mirror.close()
    assert lines(cell.folder) == 4 and is_mirrored(cell.folder, "csv")
    assert capfd.readouterr() == ("", "")


def test_no_tracker_no_process(cell: RunInfo):
    mirror = MirrorProcess(NoTracker(), [cell])
    mirror.start()
    assert mirror._process is None
    mirror.close()


def test_a_tracker_that_raises_is_one_warning(cell: RunInfo, capfd: pytest.CaptureFixture[str]):
    (cell.folder / "tracker" / "metrics.csv").mkdir(parents=True)
    mirror = MirrorProcess(Csv(), [cell])
    mirror.start()
    mirror.close()
    err = capfd.readouterr().err
    assert err.startswith("warning: tracker csv stopped: [Errno 21] Is a directory") and err.count("\n") == 1
    assert "tunegrid sync" in err and not is_mirrored(cell.folder, "csv")


@pytest.mark.parametrize("name", ["metrics.jsonl", "result.json"])
def test_a_damaged_cell_is_one_warning_and_the_others_get_through(
    name: str, cell: RunInfo, capfd: pytest.CaptureFixture[str]
):
    broken = replace(cell, folder=cell.folder.parent / "broken")
    broken.folder.mkdir()
    log(broken.folder, 1)
    with (broken.folder / name).open("a") as file:
        file.write("{not JSON}\n")
    mirror = MirrorProcess(Csv(), [broken, cell])
    mirror.start()
    wait_until(lambda: lines(cell.folder) == 2)
    mirror.close()
    err = capfd.readouterr().err
    assert err.startswith(f"warning: tracker csv stopped: {broken.folder / name}: not as it was written")
    assert err.count("\n") == 1
    assert is_mirrored(cell.folder, "csv") and not is_mirrored(broken.folder, "csv")


def test_a_killed_mirror_is_one_warning(cell: RunInfo, capfd: pytest.CaptureFixture[str]):
    mirror = MirrorProcess(Csv(), [cell])
    mirror.start()
    assert mirror._process is not None
    mirror._process.kill()
    mirror.close()
    err = capfd.readouterr().err
    assert err.startswith("warning: tracker csv was killed by signal 9;") and err.count("\n") == 1


@pytest.mark.parametrize("mood", [Mood.FAILING, Mood.HANGING])
def test_a_server_out_of_order_is_not_waited_for(mood: Mood, cell: RunInfo, capfd: pytest.CaptureFixture[str]):
    with wandb_server(mood) as server:
        mirror = start_online(server.environment(), cell)
        assert server.asked.wait(20)
        started = time.monotonic()
        mirror.close()
        assert (
            time.monotonic() - started < 15
        )  # about 1 s on an idle machine; it is wandb's own 20 s that must not pass
    err = capfd.readouterr().err
    assert err.startswith("warning: tracker wandb online tests does not answer;") and err.count("\n") == 1


def test_a_server_that_is_not_there_is_not_waited_for(cell: RunInfo, capfd: pytest.CaptureFixture[str]):
    with wandb_server() as server:
        environment = server.environment()
    mirror = start_online(environment, cell)
    wait_until((cell.folder / "tracker" / "wandb").is_dir)
    started = time.monotonic()
    mirror.close()
    assert time.monotonic() - started < 15
    assert "does not answer" in capfd.readouterr().err


def test_a_server_that_goes_away_in_between_is_not_waited_for(cell: RunInfo, capfd: pytest.CaptureFixture[str]):
    with wandb_server() as server:
        mirror = start_online(server.environment(), cell)
        wait_until(lambda: bool(server.history))
        assert mirror._process is not None
        assert "libtorch" not in Path(f"/proc/{mirror._process.pid}/maps").read_text()
        server.mood = Mood.FAILING
        started = time.monotonic()
        mirror.close()
        assert time.monotonic() - started < 15
    assert "does not answer" in capfd.readouterr().err


def test_a_key_that_is_missing_is_one_warning(cell: RunInfo, capfd: pytest.CaptureFixture[str]):
    with wandb_server() as server:
        environment = server.environment()
        mirror = start_online({"WANDB_BASE_URL": environment["WANDB_BASE_URL"]}, cell)
        assert mirror._process is not None and mirror._process.wait(30) == 1
        mirror.close()
    err = capfd.readouterr().err
    assert err.startswith("warning: tracker wandb online tests stopped: ") and err.count("\n") == 1


def start_online(environment: dict[str, str], cell: RunInfo) -> MirrorProcess:
    mirror = MirrorProcess(ONLINE, [cell])
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environment.items():
            patched.setenv(name, value)
        mirror.start()
    return mirror


TRAINING = """
import signal, sys
from pathlib import Path
from tunegrid.tracker import RunInfo
from tunegrid.tracker.csv import Csv
from tunegrid.tracker.process import MirrorProcess

mirror = MirrorProcess(Csv(), [RunInfo(id="abc", name="a", group="g", folder=Path(sys.argv[1]))])
mirror.start()
print(mirror._process.pid, flush=True)
signal.pause()
"""


def test_the_mirror_ends_when_its_training_is_killed(cell: RunInfo):
    training = subprocess.Popen([sys.executable, "-c", TRAINING, str(cell.folder)], stdout=subprocess.PIPE, text=True)
    with training:
        assert training.stdout is not None
        pid = int(training.stdout.readline())
        wait_until(lambda: lines(cell.folder) == 2)
        training.kill()
    wait_until(lambda: is_mirrored(cell.folder, "csv"))
    assert lines(cell.folder) == 3
    wait_until(lambda: has_ended(pid))


def test_ctrl_c_does_not_reach_the_mirror_and_sigterm_stops_it(cell: RunInfo, capfd: pytest.CaptureFixture[str]):
    mirror = MirrorProcess(Csv(), [cell])
    mirror.start()
    assert mirror._process is not None
    assert os.getpgid(mirror._process.pid) != os.getpgid(0)
    wait_until(lambda: lines(cell.folder) == 2)
    mirror._process.send_signal(signal.SIGTERM)
    assert mirror._process.wait(10) == 143
    mirror.close()
    assert "was stopped by SIGTERM" in capfd.readouterr().err


def has_ended(pid: int) -> bool:
    """Ended, though perhaps not reaped by whoever has inherited it."""
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"
