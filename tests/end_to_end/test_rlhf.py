"""From what people said to a reward model, to a policy, to their row in a table; each command as a user types it."""

import json
from pathlib import Path

import pytest
from end_to_end.test_whole_runs import results, tunegrid

from tunegrid.adaptation.scalar_head import HEAD

POLICY = (
    "objective=ppo",
    "objective.warmup_steps=0",
    "objective.steps=2",
    "objective.batch_size=4",
    "objective.response_tokens=8",
    "objective.validate_every=2",
)


@pytest.mark.slow
def test_a_reward_model_is_learned_and_a_policy_follows_it(tmp_path: Path) -> None:
    said = tmp_path / "said.jsonl"
    said.write_text(
        "".join(json.dumps({"prompt": f"say {n}", "chosen": f"yes {n}", "rejected": "no"}) + "\n" for n in range(12))
    )
    rows = ("data.rows=null", "data.validation_rows=null", "data.test_rows=null")
    first = tunegrid(tmp_path, "objective=reward", "data=preferences", f"data.path={said}", *rows)
    assert first.returncode == 0, first.stderr
    (scorer,) = (tmp_path / "outputs/cells").iterdir()
    (result,) = results(tmp_path)
    assert {"val_loss", "pair_accuracy", "pair_calibration_error"} == result["scores"].keys()
    assert (scorer / "adapter" / HEAD).exists() and (scorer / "answers.jsonl").read_text() == ""
    assert "pairs" in result["protocol"]["data"]

    second = tunegrid(
        tmp_path, *POLICY, "reward=model", f"reward.cell={scorer}", "table.columns=[reward,kl]", multirun=True
    )
    assert second.returncode == 0, second.stderr
    (policy,) = [r for r in results(tmp_path) if r["config"]["schema"]["objective"] == "ppo"]
    assert policy["status"] == "done" and policy["scores"]["reward"]["value"] != 0 and "rougeL" in policy["scores"]
    assert "reward" in second.stdout and "kl" in second.stdout
    metrics = tmp_path / "outputs/cells" / policy["id"] / "metrics.jsonl"
    rows_logged = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert [row["step"] for row in rows_logged if "reward" in row] == [1, 2]


STAGES = {
    "sft": ["objective.steps=4 objective.validate_every=4 objective.warmup_steps=0"],
    "said": [
        "model=cell model.cell=stage:sft method=base objective=candidates objective.response_tokens=6 reward=rule "
        "reward.pattern='[a-m]' reward.most_matches=6"
    ],
    "scorer": [
        "model=cell model.cell=stage:sft objective=reward data=preferences data.path=stage:said/preferences.jsonl "
        "data.rows=null data.validation_rows=null data.test_rows=null objective.steps=4 objective.validate_every=4 "
        "objective.warmup_steps=0"
    ],
    "policy": ["model=cell model.cell=stage:sft reward=model reward.cell=stage:scorer " + " ".join(POLICY)],
}


@pytest.mark.slow
def test_a_chain_goes_from_fine_tuning_to_a_policy_and_is_intact(tmp_path: Path) -> None:
    spelled = ",".join(f"{name}:{json.dumps(grids)}" for name, grids in STAGES.items())
    command = (f"+sweep.stages={{{spelled}}}", "table.columns=[reward,kl]")
    done = tunegrid(tmp_path, *command, multirun=True)
    assert done.returncode == 0, done.stderr
    kinds = [result["config"]["schema"]["objective"] for result in results(tmp_path)]
    assert sorted(kinds) == ["candidates", "ppo", "reward", "sft"]
    (said,) = (tmp_path / "outputs/cells").glob("*/preferences.jsonl")
    damaged = said.read_text().replace("chosen", "chasen", 1)
    assert "preferences.jsonl" in json.loads((said.parent / "result.json").read_text())["files"]
    said.write_text(damaged)
    mended = tunegrid(tmp_path, *command, multirun=True)
    assert "stage said: 1 cell, 0 finished; 1 pack" in mended.stderr and "chasen" not in said.read_text()
    assert "stage policy: 1 cell, 1 finished" in mended.stderr
