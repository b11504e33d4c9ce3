import pytest
from command_line import SMALL

from tunegrid.errors import ConfigError
from tunegrid.sweep.grid import grid_from


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["method=prompt_tuning", "method.tokens=0"], "method.tokens must be at least 1, got 0"),
        (
            ["method=prompt_tuning", "method.tokens=1024"],
            "method.tokens must be below 1024, the positions of the model",
        ),
        (
            ["method=prompt_tuning", "method.initialisation=text"],
            "method.text must be a text with method.initialisation=text, got None",
        ),
        (
            ["method=multitask_prompt", "method.text=hello"],
            "method.text must be null with method.initialisation=vocabulary, got hello",
        ),
        (["method=multitask_prompt", "method.rank=0"], "method.rank must be at least 1, got 0"),
        (["method=p_tuning", "method.hidden=0"], "method.hidden must be at least 1 or null, got 0"),
        (["method=prefix", "model.architecture=T5"], r"in this encoder-decoder \(t5\) .* method=prompt_tuning"),
    ],
)
def test_mistakes_are_found_before_anything_runs(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        grid_from([*SMALL, *overrides])


def test_relative_positions_have_room_for_any_prompt() -> None:
    assert grid_from([*SMALL, "model.architecture=T5", "method=prompt_tuning", "method.tokens=1024"]).cells
