"""What `plan` says of policies and reward models, and what is refused before anything runs."""

from pathlib import Path

import pytest
from command_line import SMALL, files, run

PPO = ("objective=ppo", "reward=rule", "reward.pattern=a")
CANDIDATES = ("objective=candidates", "method=base", "reward=rule", "reward.pattern=a")


def test_policies_run_alone_and_plan_says_why(tmp_path: Path) -> None:
    done = run(tmp_path, "plan", *SMALL, *PPO, "method.rank=1,4")
    assert done.returncode == 0, done.stderr
    assert "2 packs to run of 2 × 1" in done.stdout
    assert "objective=ppo runs alone: each policy draws responses of its own" in done.stdout
    assert "no forecast of memory: objective=ppo is not known to it" in done.stdout


def test_reward_models_share_a_base(tmp_path: Path) -> None:
    done = run(tmp_path, "plan", *SMALL, "objective=reward", "method.rank=1,4")
    assert "1 pack to run of 2" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("objective=ppo",), "reward must judge the responses (`tunegrid list reward` shows how), got none"),
        (
            ("objective=reward", "reward=rule", "reward.pattern=a"),
            "reward must be none: this objective leaves no answers to judge",
        ),
        ((*PPO, "objective.top_p=0.9"), "objective.top_p must be null: it cuts the distribution"),
        ((*PPO, "reward.pattern='('"), "reward.pattern must be a regular expression: "),
        ((*PPO, "model.architecture=T5"), "objective must not be ppo for an encoder-decoder, got tiny"),
        ((*PPO, "hardware.devices=2", "hardware.strategy=ddp"), "hardware.strategy must be single: only objective=sft"),
        (
            (*CANDIDATES, "method=lora"),
            "method must be base: objective=candidates draws from the model as it is, got lora",
        ),
        (("objective=candidates", "method=base"), "reward must judge the responses"),
        ((*CANDIDATES, "objective.per_prompt=1"), "objective.per_prompt must be at least 2, got 1"),
        ((*CANDIDATES, "objective.noise=0"), "objective.noise must be above 0 or null, got 0"),
        (("model=cell", "model.cell=nowhere"), "cell 'nowhere' is the beginning of none"),
        (
            ("objective=ppo", "reward=lexicon", "reward.path=nowhere.txt"),
            "nowhere.txt: no such file",
        ),
        (
            ("objective=ppo", "reward=model", "reward.cell=nowhere"),
            "cell 'nowhere' is the beginning of none",
        ),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = run(tmp_path, *SMALL, *arguments)
    assert done.returncode == 2 and message in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and files(tmp_path) == []
