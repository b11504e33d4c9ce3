"""Offline runs and `wandb sync`: whatever is sent in between, the server has every row once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from wandb_server import WandbServer, wandb_server

from tunegrid.tracker import RunInfo
from tunegrid.tracker.process import MirrorProcess
from tunegrid.tracker.wandb import Wandb, WandbMode


def mirror(mode: WandbMode, folder: Path) -> None:
    run = RunInfo(id="abc", name="lora_r4_s0", group="ranks", folder=folder)
    process = MirrorProcess(Wandb(mode=mode, project="p", entity=None), [run])
    process.start()
    process.close()


def wandb_sync(folder: Path) -> str:
    command = [str(Path(sys.executable).parent / "wandb"), "sync", str(folder / "tracker" / "wandb")]
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, timeout=60, check=True)
    return done.stderr


def log(folder: Path, *steps: int) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / "metrics.jsonl").open("a") as file:
        file.writelines(f'{{"step": {step}, "loss": {float(step)}}}\n' for step in steps)


def losses(server: WandbServer) -> list[tuple[int, float]]:
    (run,) = server.history
    return server.rows(run, "loss")


def test_the_server_has_every_row_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "cell"
    for name in [name for name in os.environ if name.startswith("WANDB")]:
        monkeypatch.delenv(name)
    with wandb_server() as server:
        for name, value in {**server.environment(), "HOME": str(tmp_path)}.items():
            monkeypatch.setenv(name, value)
        log(folder, 1)
        mirror(WandbMode.offline, folder)
        log(folder, 2)
        mirror(WandbMode.offline, folder)  # in place of the first, which nobody has sent
        wandb_sync(folder)
        assert losses(server) == [(1, 1.0), (2, 2.0)]
        log(folder, 3, 4)
        mirror(WandbMode.offline, folder)  # beside the second, which the server has
        wandb_sync(folder)
        assert losses(server) == [(n, float(n)) for n in (1, 2, 3, 4)]
        log(folder, 5)
        mirror(WandbMode.offline, folder)
        mirror(WandbMode.online, folder)
        assert losses(server) == [(n, float(n)) for n in (1, 2, 3, 4, 5)]
        assert "No runs to sync" in wandb_sync(folder)
