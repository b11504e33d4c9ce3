"""Every data set at hand as one task of a mixture: trained a step, asked and scored, in one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import TRAINED
from data.places import PLACES


@pytest.mark.slow
def test_every_set_trains_and_is_scored(tmp_path: Path, shared: Path) -> None:
    parts = [part for name, (place, *overrides) in PLACES.items() for part in as_part(name, shared / place, overrides)]
    sizes = ("data.rows=108", "data.validation_rows=null", "data.test_rows=null", "data.max_length=400")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tunegrid",
            *TRAINED,
            "data=mixture",
            *parts,
            *sizes,
            "tracker=none",
            "objective.steps=3",
        ],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path / "home"), "TUNEGRID_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("outputs/cells/*/result.json")
    result = json.loads(path.read_text())
    assert result["status"] == "done" and result["scores"]["val_loss"]["value"] > 0
    assert {f"{name}/exact_match" for name in PLACES} <= result["scores"].keys()


def as_part(name: str, place: Path, overrides: list[str]) -> list[str]:
    own = [override.replace("data.", f"data.parts.{name}.", 1) for override in overrides]
    rows = [f"data.parts.{name}.{size}" for size in ("rows=4", "validation_rows=2", "test_rows=2")]
    return [f"+data@data.parts.{name}={name}", f"data.parts.{name}.path={place}", *own, *rows]
