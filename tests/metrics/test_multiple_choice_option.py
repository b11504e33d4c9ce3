"""metrics=multiple_choice against loops over single questions, and the way it gets its likelihoods."""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

from tunegrid.cell.cell import AnswerRow
from tunegrid.data.token_rows import Question
from tunegrid.errors import DataError
from tunegrid.metrics import Ranked, Score, Unavailable
from tunegrid.metrics.answer_records import read_ranked
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.exact_match import statistics as exact
from tunegrid.metrics.multiple_choice import MultipleChoice
from tunegrid.metrics.scored import scored
from tunegrid.metrics.text import Text
from tunegrid.sampler import Answer


def drawn(count: int, seed: int) -> list[Ranked]:
    draw = random.Random(seed)
    sizes = [draw.randint(2, 5) for _ in range(count)]
    return [
        Ranked(
            np.array([draw.uniform(-9, 0) for _ in range(size)]),
            np.array([draw.randint(1, 30) for _ in range(size)]),
            [draw.randrange(size)],
        )
        for size in sizes
    ]


def by_hand(ranked: list[Ranked]) -> dict[str, float]:
    """One question after another, in plain Python."""
    sums = {"acc": 0.0, "acc_norm": 0.0, "Brier": 0.0}
    bins: dict[int, list[tuple[float, float]]] = {}
    for one in ranked:
        (gold,), own = one.gold, list(one.log_likelihoods)
        likeliest = own.index(max(own))
        per_character = [ll / length for ll, length in zip(own, one.lengths, strict=True)]
        total = sum(map(math.exp, own))
        p = [math.exp(ll) / total for ll in own]
        sums["acc"] += likeliest == gold
        sums["acc_norm"] += per_character.index(max(per_character)) == gold
        sums["Brier"] += sum((p[i] - (i == gold)) ** 2 for i in range(len(p)))
        bins.setdefault(math.ceil(10 * p[likeliest]), []).append((p[likeliest], float(likeliest == gold)))
    gaps = [abs(sum(c for c, _ in inside) - sum(r for _, r in inside)) for inside in bins.values()]
    return {name: value / len(ranked) for name, value in {**sums, "ECE": sum(gaps)}.items()}


def test_random_questions_are_scored_as_by_hand():
    ranked = drawn(1000, seed=0)
    values = {score.name: corpus_value(score) for score in MultipleChoice().score_choices(ranked) if is_score(score)}
    assert values == pytest.approx(by_hand(ranked))


def is_score(score: Score | Unavailable) -> bool:
    return isinstance(score, Score)


def test_without_likelihoods_a_reader_is_told_how_to_get_them():
    made = MultipleChoice().score_choices([])
    assert {one.name for one in made} == {"acc", "acc_norm", "ECE", "Brier"}
    assert all(isinstance(one, Unavailable) and "sampler=choices" in one.reason for one in made)


@pytest.mark.parametrize("gold", [[], [0, 1]])
def test_a_question_needs_exactly_one_right_choice(gold: list[int]):
    fine = Ranked(np.array([-1.0, -2.0]), np.array([1, 1]), [0])
    bad = Ranked(fine.log_likelihoods, fine.lengths, gold)
    with pytest.raises(DataError, match=rf"question 2 has {len(gold)} right choices"):
        MultipleChoice().score_choices([fine, bad])


def test_answers_are_scored_by_text_and_by_likelihood():
    asked = [
        Question("1", "", [1], ["yes"], choices=["yes", "no"], gold=[0]),
        Question("2", "", [1], ["no"], choices=["yes", "no, not at all"], gold=[1]),
    ]
    answers = [Answer("yes", (-1.0, -2.0)), Answer("yes", (-3.0, -4.0))]
    by_likelihood = {score.name: corpus_value(score) for score in scored(MultipleChoice(), asked, answers)}
    assert (by_likelihood["acc"], by_likelihood["acc_norm"]) == (0.5, 1.0)
    by_text = {score.name: score for score in scored(Text(), asked, answers)}
    assert (by_text["exact_match"].statistics == exact(["yes", "yes"], [["yes"], ["no"]])).all()


def test_what_a_cell_leaves_of_chosen_answers_is_scored_again(tmp_path: Path):
    ranked = drawn(20, seed=1)
    rows = [
        AnswerRow(
            key="k",
            prompt="p",
            answer="a",
            references=("a",),
            choices=tuple("x" * int(length) for length in one.lengths),
            log_likelihoods=tuple(map(float, one.log_likelihoods)),
            gold=tuple(one.gold),
        )
        for one in ranked
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(f"{json.dumps(row.record())}\n" for row in rows))
    again = MultipleChoice().score_choices(read_ranked(path))
    assert {score.name: corpus_value(score) for score in again if is_score(score)} == pytest.approx(by_hand(ranked))
    decoded = AnswerRow(key="k", prompt="p", answer="a", references=("a",))
    assert set(decoded.record()) == {"key", "prompt", "answer", "references"}
