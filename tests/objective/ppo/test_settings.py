"""What a policy's settings refuse, and why."""

import pytest
from objective.ppo.enumerable import ppo

from tunegrid.errors import ConfigError


@pytest.mark.parametrize(("name", "value"), [("top_k", 5), ("top_p", 0.9), ("min_length", 3)])
def test_what_would_cut_the_distribution_is_refused(name: str, value: float) -> None:
    rule = f"objective.{name} must be null: it cuts the distribution that responses are drawn from, so that the"
    with pytest.raises(ConfigError, match=rule):
        ppo(**{name: value})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "objective.steps must be at least 1, got 0"),
        ({"temperature": 0.0}, "objective.temperature must be above 0, got 0.0"),
        ({"trace": 1.5}, "objective.trace must be between 0 and 1, got 1.5"),
        ({"kl_target": 0.0}, "objective.kl_target must be above 0 or null, got 0.0"),
        ({"minibatches": 65}, r"objective.minibatches must be at most objective.batch_size \(64\), got 65"),
        ({"warmup_steps": 81}, r"objective.warmup_steps must be between 0 and objective.steps \(80\), got 81"),
    ],
)
def test_a_value_that_cannot_be_names_its_key(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ppo(**changes)
