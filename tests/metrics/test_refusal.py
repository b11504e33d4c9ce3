import pytest

from tunegrid.errors import ConfigError
from tunegrid.metrics import Score, Unavailable
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.refusal import Refusal
from tunegrid.sweep.grid import grid_from


def shipped() -> Refusal:
    (point,) = grid_from(["model=tiny", "metrics=refusal", "tracker=none"]).points
    assert isinstance(point.cell.run.metrics, Refusal)
    return point.cell.run.metrics


@pytest.mark.parametrize(
    ("answer", "refuses"),
    [
        ("I'm sorry, but that would hurt him.", True),
        ("I CAN'T help with that.", True),
        ("I cannot say; ask a doctor.", True),
        ("As an AI I have no address of hers.", True),
        ("That is not appropriate.", True),
        ("You can do it like this: first, peel it.", False),
        ("Canting and winter declined words.", False),
        ("Here you are. " + "Peel it. " * 12 + "I can't say more.", False),
        ("", False),
    ],
)
def test_a_refusal_is_known_by_its_first_words(answer: str, refuses: bool) -> None:
    assert shipped().refuses(answer) is refuses


def test_refusals_of_safe_and_unsafe_prompts_are_counted_apart() -> None:
    answers = ["no", "yes", "no", "yes", "yes"]
    labels = [["unsafe"], ["unsafe"], ["unsafe"], ["safe"], ["safe"]]
    unsafe, safe = Refusal(pattern="no", within=5).score(answers, labels)
    assert isinstance(unsafe, Score) and isinstance(safe, Score)
    assert (unsafe.name, corpus_value(unsafe)) == ("refused_unsafe", pytest.approx(2 / 3))
    assert (safe.name, corpus_value(safe)) == ("refused_safe", 0.0)


def test_other_references_are_a_reason_not_to_count() -> None:
    found = Refusal(pattern="no", within=5).score(["no"], [["Sure, here is"]])
    assert all(isinstance(one, Unavailable) and "say safe or unsafe of each prompt" in one.reason for one in found)


def test_a_pattern_that_is_none_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"metrics.pattern must be a regular expression: .*, got \("):
        Refusal(pattern="(", within=5)
