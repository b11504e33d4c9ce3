"""Sets of metrics side by side: each task by its own, as if it were alone."""

import pytest

from tunegrid.data.token_rows import Question
from tunegrid.errors import ConfigError
from tunegrid.metrics import Score
from tunegrid.metrics.by_task import by_task
from tunegrid.metrics.classification import Classification
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.multiple_choice import MultipleChoice
from tunegrid.metrics.regression import Regression
from tunegrid.metrics.scored import scored
from tunegrid.metrics.several import Several
from tunegrid.metrics.text import Text
from tunegrid.sampler import Answer

RATED = [("1", "1.5"), ("2", "2"), ("five", "4"), ("4", "3")]
JUDGED = [("yes", "yes"), ("no", "yes"), ("no", "no")]
GLUE = Several(parts={"classes": Classification(), "numbers": Regression()}, tasks={"numbers": ["stsb"]})


def asked(task: str | None, pairs: list[tuple[str, str]]) -> tuple[list[Question], list[Answer]]:
    questions = [Question(str(place), "", [1], [right], task) for place, (_, right) in enumerate(pairs)]
    return questions, [Answer(said) for said, _ in pairs]


def values(scores: list[Score]) -> dict[str, float]:
    return {score.name: corpus_value(score) for score in scores}


def test_each_task_has_the_scores_that_it_has_alone():
    (stsb, numbers), (rte, words) = asked("stsb", RATED), asked("rte", JUDGED)
    found = scored(GLUE, [*rte[:1], *stsb, *rte[1:]], [*words[:1], *numbers, *words[1:]])
    tasks = ["rte", *["stsb"] * 4, *["rte"] * 2]
    alone = {f"rte/{name}": value for name, value in values(scored(Classification(), rte, words)).items()}
    alone |= {f"stsb/{name}": value for name, value in values(scored(Regression(), stsb, numbers)).items()}
    assert values(by_task(found, tasks)) == pytest.approx(alone)
    assert values(found) == pytest.approx({name.partition("/")[2]: value for name, value in alone.items()})


def test_without_tasks_every_set_that_is_for_all_scores():
    both = Several(parts={"words": Text(), "classes": Classification(), "rest": Regression()}, tasks={"rest": ["a"]})
    names = {score.name for score in scored(both, *asked(None, JUDGED))}
    assert names == {"SacreBLEU", "rouge1", "rouge2", "rougeL", "exact_match", "accuracy", "macro_f1", "matthews"}
    assert {score.name for score in both.score(["yes"], [["yes"]])} == names


def test_chosen_answers_of_one_task_are_scored_by_likelihood():
    rte, words = asked("rte", JUDGED)
    piqa = Question("p", "", [1], ["a"], "piqa", choices=["a", "b"], gold=[0])
    sets = Several(parts={"likely": MultipleChoice(), "classes": Classification()}, tasks={"likely": ["piqa"]})
    found = scored(sets, [piqa, *rte], [Answer("b", (-2.0, -1.0)), *words])
    assert values(found)["acc"] == 0 and values(found)["accuracy"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"parts": {}, "tasks": {}}, r"metrics\.parts must have a set, as by \+metrics@metrics\.parts\.NAME=OPTION"),
        ({"parts": {"a": Text()}, "tasks": {"b": ["x"]}}, r"metrics\.tasks must name parts \(a\), got b"),
    ],
)
def test_what_has_no_set_is_refused(sets, message):
    with pytest.raises(ConfigError, match=message):
        Several(**sets)
