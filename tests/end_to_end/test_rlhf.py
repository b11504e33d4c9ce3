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
