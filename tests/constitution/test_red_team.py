"""The red-team prompts that ship: what is trained on, what is held out, and what stays so when answers come."""

import json
from pathlib import Path

from tunegrid.data import Data
from tunegrid.sweep.grid import grid_from


def red_team(*overrides: str) -> Data:
    (point,) = grid_from(["model=tiny", "tracker=none", "metrics=refusal", "data=red_team", *overrides]).points
    return point.cell.run.data


def test_prompts_of_both_kinds_are_in_both_parts_and_none_is_in_two() -> None:
    splits = red_team().splits()
    parts = [splits.train, splits.validation, splits.test]
    texts = [{example.fields["prompt"] for example in part} for part in parts]
    assert sum(map(len, texts)) == len(set.union(*texts)) == 44 and len(splits.test) == 20
    for part in (splits.train, splits.test):
        assert {example.references[0] for example in part} == {"safe", "unsafe"}


def test_revisions_come_in_the_place_of_the_prompts_that_they_answer(tmp_path: Path) -> None:
    path = tmp_path / "revisions.jsonl"
    records = [{"prompt": f"ask {n}", "completion": f"say {n}"} for n in range(8)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    splits = red_team(f"data.path={path}").splits()
    assert len(splits.train) == 7 and len(splits.validation) == 1
    assert {(e.fields["prompt"], e.references[0]) for e in (*splits.train, *splits.validation)} == {
        (record["prompt"], record["completion"]) for record in records
    }
    assert splits.test == red_team().splits().test
