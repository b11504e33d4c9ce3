"""The shipped chain with a tiny model: rules, revisions, a reward model, and a table of before and after."""

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import REAL, finish, start

MACHINE = ("hardware=cpu", "hardware.precision=float32", "hardware.threads=1")
CHAIN = ("experiments=constitution", "model=tiny", "prompt.chat=never", "tracker=none", *MACHINE)


def ran(folder: Path) -> str:
    process = start(folder, *CHAIN, **REAL)
    out, err = finish(process, seconds=480)
    assert process.returncode == 0, err
    return out + err


def by_objective(folder: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((folder / "work/outputs/cells").glob("*/result.json")):
        result = json.loads(path.read_text())
        found.setdefault(result["config"]["schema"]["objective"], []).append(result)
    return found


@pytest.mark.slow
def test_a_model_learns_from_its_own_revisions_and_is_compared_with_what_it_was(tmp_path: Path) -> None:
    shown = ran(tmp_path)
    found = by_objective(tmp_path)
    assert {name: len(cells) for name, cells in found.items()} == {"constitution": 1, "reward": 1, "sft": 2}
    (told,) = found["constitution"]
    assert {"draft_score", "revision_change", "revision_preferred", "order_agreement"} <= told["scores"].keys()
    assert {"revisions.jsonl", "preferences.jsonl", "transcript.jsonl"} <= told["files"].keys()
    revisions = (tmp_path / "work/outputs/cells" / told["id"] / "revisions.jsonl").read_text().splitlines()
    after = next(cell for cell in found["sft"] if cell["config"]["schema"]["method"] == "lora")
    assert int(after["protocol"]["training_rows"]) == len(revisions) - 1  # one validates
    for cell in found["sft"]:
        assert {"answer_score", "refused_unsafe", "refused_safe"} <= cell["scores"].keys()
    assert "base (untrained)" in shown and "refused_safe" in shown
