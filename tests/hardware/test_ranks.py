"""The ranks of a pack as processes, before they train anything."""

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rank_scenes
from command_line import wait_for
from rank_scenes import TWO
from tiny_training import MACHINE

from tunegrid.errors import DataError
from tunegrid.hardware.machine import cores
from tunegrid.hardware.place import ALONE, here
from tunegrid.hardware.ranks import RankError, together
from tunegrid.interrupt import Interrupted

pytestmark = pytest.mark.skipif(cores() < 2, reason="takes two CPU cores")


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    assert here() == ALONE
    assert multiprocessing.active_children() == []


def test_one_device_starts_nobody() -> None:
    with together(MACHINE, rank_scenes.fail, "never"):
        assert here() == ALONE


def test_every_rank_knows_its_place(tmp_path: Path) -> None:
    with together(TWO, rank_scenes.write_place, tmp_path):
        assert (here().rank, here().count) == (0, 2)
    assert (tmp_path / "place").read_text() == "1 of 2"


def test_signals_are_for_the_first_rank(tmp_path: Path) -> None:
    with together(TWO, rank_scenes.survive_signals, tmp_path):
        pass
    assert (tmp_path / "survived").exists()


def test_what_a_rank_failed_of_is_told_by_the_first(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(RankError, match=r"^rank 1: ValueError: out of luck$") as caught,
        together(TWO, rank_scenes.fail, "out of luck"),
    ):
        raise ConnectionError("peer is gone")
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert "rank_scenes.py" in capfd.readouterr().err


def test_a_killed_rank_is_told_by_its_signal() -> None:
    with (
        pytest.raises(RankError, match=r"^rank 1: the process was killed by SIGKILL$"),
        together(TWO, rank_scenes.be_killed, None),
    ):
        raise ConnectionError("peer is gone")


def test_an_error_of_the_first_rank_stays_what_it_is_and_ends_the_others() -> None:
    with pytest.raises(KeyError, match="own"), together(TWO, rank_scenes.wait_long, None):
        raise KeyError("own")


def test_a_mistake_of_the_users_is_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(DataError, match=r"^a.jsonl:1: broken$"),
        together(TWO, rank_scenes.blame_the_user, "a.jsonl:1: broken"),
    ):
        time.sleep(0.2)
        raise DataError("a.jsonl:1: broken")
    assert capfd.readouterr().err == ""


def test_an_interrupted_first_rank_ends_the_others() -> None:
    with pytest.raises(Interrupted), together(TWO, rank_scenes.wait_long, None):
        raise Interrupted(15)


def scene(*arguments: str) -> "subprocess.Popen[str]":
    path = os.pathsep.join([str(Path(rank_scenes.__file__).parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "rank_scenes", *arguments],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ranks_do_not_outlive_a_first_one_that_is_killed(tmp_path: Path) -> None:
    started = tmp_path / "started"
    with scene("start_and_wait", str(started)) as process:
        wait_for(started)
        process.kill()
        process.communicate(timeout=20)  # every process that holds the pipes is gone


def test_a_first_rank_that_cannot_notice_is_ended() -> None:
    with scene("wait_for_one_that_fails") as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "ValueError: gone" in err and "another rank failed while this one waited for it" in err
