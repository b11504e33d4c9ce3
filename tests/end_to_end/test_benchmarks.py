"""A benchmark experiment from its files to its table, on a tiny model, as a user starts it."""

import json
from pathlib import Path

import pytest
from benchmark_folders import folder_of
from command_line import REAL, finish, start

SMALL = (
    "model=tiny",
    "tracker=none",
    "hardware=cpu",
    "hardware.precision=float32",
    "hardware.threads=1",
    "objective.steps=2",
    "objective.warmup_steps=0",
    "objective.validate_every=2",
    "objective.batch_size=2",
    "sweep.baselines=['method=base']",
    "data.parts.boolq.rows=6",
    "data.parts.boolq.validation_rows=1",
    "data.parts.boolq.test_rows=3",
    "data.parts.record.test_rows=3",
)


@pytest.mark.slow
def test_chosen_answers_are_kept_scored_by_task_and_shown_beside_the_leaderboard(tmp_path: Path) -> None:
    folder = folder_of("superglue", tmp_path / "files")
    process = start(tmp_path, "experiments=superglue", f"data.path={folder}", *SMALL, **REAL)
    _, told = finish(process, 300)
    assert process.returncode == 0, told
    outputs = tmp_path / "work/outputs"
    answers = [
        json.loads(line) for path in outputs.glob("cells/*/answers.jsonl") for line in path.read_text().splitlines()
    ]
    assert len(answers) == 2 * 8 * 3
    for answer in answers:
        choices = {"cb": 3, "record": 4}.get(answer["key"].partition("/")[0], 2)
        assert len(answer["log_likelihoods"]) == len(answer["choices"]) == choices
        likeliest = max(range(choices), key=answer["log_likelihoods"].__getitem__)
        assert answer["choices"][likeliest] == answer["answer"].strip()
        assert answer["references"] == [answer["choices"][answer["gold"]]]
    table = (outputs / "superglue/table.md").read_text()
    assert "cb/macro\\_f1 ×100" in table and "| human | 89.0 |" in table
    (scores,) = {frozenset(json.loads(path.read_text())["scores"]) for path in outputs.glob("cells/*/result.json")}
    assert {"multirc/f1a", "multirc/question_exact", "record/squad_f1", "cb/macro_f1"} <= scores
    assert not {"multirc/accuracy", "record/accuracy", "cb/squad_f1"} & scores
