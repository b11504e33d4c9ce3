"""Every data set at hand as one task of a mixture: previewed, trained a step, asked and scored."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import TRAINED
from data.places import PLACES

TOO_LONG = {"dialogsum"}
"""Sets without a row that is short enough to train among their four."""


@pytest.mark.slow
def test_every_set_is_previewed_trains_and_is_scored(tmp_path: Path, shared: Path) -> None:
    parts = [part for name, (place, *overrides) in PLACES.items() for part in as_part(name, shared / place, overrides)]
    sizes = ("data.rows=108", "data.validation_rows=null", "data.test_rows=null", "data.max_length=400")
    mixed = (*TRAINED, "data=mixture", *parts, *sizes, "tracker=none", "objective.steps=3")
    shown = tunegrid(tmp_path, "data", "preview", "--rows", "108", *mixed)
    assert shown.returncode == 0, shown.stderr
    assert set(re.findall(r"^training row \d+ of (\w+): ", shown.stdout, re.MULTILINE)) == PLACES.keys() - TOO_LONG
    done = tunegrid(tmp_path, *mixed)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("outputs/cells/*/result.json")
    result = json.loads(path.read_text())
    assert result["status"] == "done" and result["scores"]["val_loss"]["value"] > 0
    assert {f"{name}/exact_match" for name in PLACES} <= result["scores"].keys()


def tunegrid(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tunegrid", *arguments],
        cwd=folder,
        env={**os.environ, "HOME": str(folder / "home"), "TUNEGRID_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def as_part(name: str, place: Path, overrides: list[str]) -> list[str]:
    own = [override.replace("data.", f"data.parts.{name}.", 1) for override in overrides]
    rows = [f"data.parts.{name}.{size}" for size in ("rows=4", "validation_rows=2", "test_rows=2")]
    return [f"+data@data.parts.{name}={name}", f"data.parts.{name}.path={place}", *own, *rows]
