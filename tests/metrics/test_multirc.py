"""F1a and exact match of questions, against scikit-learn and a count over whole questions."""

import json
import random
from itertools import groupby

import pytest
from sklearn.metrics import f1_score

from tunegrid.cell.cell import AnswerRow
from tunegrid.commands.scoring_arguments import score_file
from tunegrid.data.token_rows import Question
from tunegrid.metrics import Unavailable
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.multirc import MultiRc
from tunegrid.metrics.scored import scored
from tunegrid.sampler import Answer


def drawn(seed: int) -> list[tuple[str, str, str]]:
    """(question, judgement, truth), questions of one to six answers, in any order."""
    draw = random.Random(seed)
    rows = [
        (f"q{question}", draw.choice(["yes", "no"]), draw.choice(["yes", "no"]))
        for question in range(draw.randint(1, 12))
        for _ in range(draw.randint(1, 6) if question else 1)
    ]
    return draw.sample(rows, len(rows))


def scores(rows: list[tuple[str, str, str]]):
    questions = [Question(str(i), "", [1], [true], group=group) for i, (group, _, true) in enumerate(rows)]
    return {score.name: score for score in scored(MultiRc(positive="yes"), questions, [Answer(s) for _, s, _ in rows])}


@pytest.mark.parametrize("seed", range(40))
def test_random_judgements_are_scored_as_by_others(seed: int):
    rows = drawn(seed)
    found = {name: corpus_value(score) for name, score in scores(rows).items()}
    said, true = ([row[column] == "yes" for row in rows] for column in (1, 2))
    if any(said) or any(true):
        assert found["f1a"] == pytest.approx(f1_score(true, said))
    whole = [all(s == t for _, s, t in own) for _, own in groupby(sorted(rows), key=lambda row: row[0])]
    assert found["question_exact"] == pytest.approx(sum(whole) / len(whole))


def test_judgements_of_no_question_say_what_is_missing():
    found = scores([("a", "yes", "yes"), (None, "no", "no")])
    assert isinstance(found["question_exact"], Unavailable) and "column `group`" in found["question_exact"].reason


def test_a_cell_s_answers_are_scored_again_with_their_groups(tmp_path):
    rows, path = drawn(7), tmp_path / "answers.jsonl"
    written = [AnswerRow(key="k", prompt="p", answer=s, references=(t,), group=group) for group, s, t in rows]
    path.write_text("".join(json.dumps(row.record()) + "\n" for row in written))
    again = score_file(MultiRc(positive="yes"), path, [[t] for _, _, t in rows])
    assert {s.name: corpus_value(s) for s in again} == {n: corpus_value(s) for n, s in scores(rows).items()}
