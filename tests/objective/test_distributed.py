"""A pack trained by several processes is the pack trained by one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import two_ranks
from tiny_training import MACHINE
from two_ranks import STOP_AT, CellOutcome

from tunegrid.hardware.machine import cores

pytestmark = [pytest.mark.slow, pytest.mark.skipif(cores() < 2, reason="takes two CPU cores")]
TESTS = Path(two_ranks.__file__).parent


@pytest.fixture(scope="module")
def by_two(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[CellOutcome]]:
    folder = tmp_path_factory.mktemp("two_ranks")
    done = subprocess.run(
        [sys.executable, "-c", "import two_ranks; two_ranks.main()", str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((folder / "ranks.json").read_text())
    return {name: [CellOutcome(**cell) for cell in cells] for name, cells in record.items()}


@pytest.mark.parametrize("case", ["pack", "full"])
def test_the_whole_trajectory_equals_that_of_one_process(
    case: str, by_two: dict[str, list[CellOutcome]], tmp_path: Path
) -> None:
    for together, alone in zip(by_two[case], two_ranks.train(case, tmp_path, MACHINE), strict=True):
        assert [list(row) for row in together.rows] == [list(row) for row in alone.rows]
        for row, wanted in zip(together.rows, alone.rows, strict=True):
            for name in row:
                assert row[name] == pytest.approx(wanted[name], rel=1e-5, abs=1e-5), (name, row["step"])
        assert together.tokens == alone.tokens
        np.testing.assert_allclose(together.validation, alone.validation, rtol=0, atol=1e-3)
        assert together.weights == pytest.approx(alone.weights, abs=1e-3)


def test_a_run_that_was_stopped_goes_on_bit_for_bit(by_two: dict[str, list[CellOutcome]]) -> None:
    for resumed, whole in zip(by_two["resumed"], by_two["dropout"], strict=True):
        assert resumed.rows == [row for row in whole.rows if row["step"] > STOP_AT]
        assert (resumed.validation, resumed.tokens, resumed.weights) == (whole.validation, whole.tokens, whole.weights)


SMALL = (
    "model=tiny",
    "tracker=none",
    "metrics=text",
    "prompt.chat=never",
    "data.rows=24",
    "data.validation_rows=6",
    "data.test_rows=2",
    "objective.steps=100",
    "objective.batch_size=2",
    "objective.validate_every=40",
    "sampler.max_new_tokens=2",
    "hardware=cpu",
    "hardware.precision=float32",
    "hardware.threads=1",
    "hardware.devices=2",
    "hardware.strategy=ddp",
)


def start(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tunegrid", "-m", *SMALL, "method.rank=1,4"],
        cwd=folder,
        env={**os.environ, "HOME": str(folder / "home"), "TUNEGRID_CACHE": str(folder / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows_of(cell: Path) -> list[dict[str, Any]]:
    path = cell / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_sweep_is_stopped_by_a_signal_and_goes_on(tmp_path: Path) -> None:
    cells = tmp_path / "outputs" / "cells"
    with start(tmp_path) as process:
        end = time.monotonic() + 60
        while not any(len(rows_of(cell)) >= 5 for cell in cells.glob("*")):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 143, err
    assert "Traceback" not in err
    assert [json.loads(path.read_text())["status"] for path in cells.glob("*/result.json")] == ["interrupted"] * 2
    stopped = {rows_of(cell)[-1]["step"] for cell in cells.glob("*")}
    assert len(stopped) == 1 and 5 <= max(stopped) < 100

    with start(tmp_path) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "val_loss" in out
    for cell in cells.glob("*"):
        assert [row["step"] for row in rows_of(cell) if "loss" in row] == list(range(1, 101))
        result = json.loads((cell / "result.json").read_text())
        assert result["status"] == "done" and result["config"]["hardware"]["devices"] == 2
