"""`objective=constitution` on the command line: what is refused, and what a cell of it is known by."""

import re
from pathlib import Path

import pytest
from command_line import SMALL, files, run

from tunegrid.constitution.rules import SHIPPED
from tunegrid.errors import UserError
from tunegrid.sweep.grid import grid_from

OPTION = (*SMALL, "objective=constitution", "method=base")


def only_id(*arguments: str) -> str:
    (point,) = grid_from([*OPTION, *arguments]).points
    return point.cell.id


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("method=lora", "method must be base: objective=constitution speaks with the model as it is, got lora"),
        ("model.architecture=T5", "objective must not be constitution for an encoder-decoder, got tiny"),
        ("objective.rounds=0", "objective.rounds must be at least 1, got 0"),
        ("objective.response_tokens=0", "objective.response_tokens must be at least 1, got 0"),
        ("objective.temperature=0", "objective.temperature must be above 0, got 0"),
        ("objective.comparison='{{ answer }}'", "objective.comparison: unknown column 'answer'"),
        (
            "objective.comparison='{{ request }} {{ principle }} {{ first }}'",
            "objective.comparison must show {{ second }}, got",
        ),
        ("objective.comparison='{{ first'", "objective.comparison could not be rendered: "),
        ("objective.rules=nowhere.yaml", "nowhere.yaml: no such file; check objective.rules"),
    ],
)
def test_what_cannot_be_is_a_mistake(argument: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        only_id(argument)


def test_a_mistake_in_the_rules_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    rules = tmp_path / "work" / "rules.yaml"
    rules.parent.mkdir()
    rules.write_text("- name: a\n  critic: b\n")
    done = run(tmp_path, *OPTION, "objective.rules=rules.yaml")
    assert done.returncode == 2
    said = "error: rules.yaml:2: unknown key of a rule 'critic'; did you mean critique; known: "
    assert done.stderr.startswith(said)
    assert len(done.stderr.strip().splitlines()) == 1 and files(tmp_path) == ["rules.yaml"]


def test_what_the_rules_say_is_part_of_a_cells_identity_and_where_they_lie_is_not(tmp_path: Path) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    (tmp_path / "same.yaml").write_text(f"# moved\n{text}")
    (tmp_path / "other.yaml").write_text(text.replace("more respect?", "less respect?"))
    same, other = (only_id(f"objective.rules={tmp_path / name}.yaml") for name in ("same", "other"))
    assert only_id() == same != other
