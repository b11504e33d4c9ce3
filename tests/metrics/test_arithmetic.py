"""Against lm-evaluation-harness's extraction, written down again from its gsm8k.yaml, on real and random answers."""

import json
import random
import re
from decimal import Decimal
from pathlib import Path

import pytest

from tunegrid.errors import DataError
from tunegrid.metrics import Score
from tunegrid.metrics.arithmetic import Arithmetic
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.final_number import last_number, marked_number

STRICT = re.compile(r"#### (\-?[0-9\.\,]+)")
FLEXIBLE = re.compile(r"(-?[$0-9.,]{2,})|(-?[0-9]+)")


def harness_text(found: re.Match[str] | None) -> str | None:
    """What the harness compares: commas and dollar signs taken out, a full stop at the end too."""
    text = re.sub(r"\.$", "", re.sub(r"[,$]", "", found[0].replace("#### ", ""))) if found else None
    return text if text and re.fullmatch(r"-?(\d+(\.\d*)?|\.\d+)", text) else None


def last_match(text: str) -> re.Match[str] | None:
    return max(FLEXIBLE.finditer(text), key=re.Match.start, default=None)


@pytest.fixture(scope="session")
def gsm8k(shared: Path) -> Path:
    return shared / "gsm8k"


def test_every_gold_answer_has_its_number(gsm8k: Path) -> None:
    files = (gsm8k / "train_2000.jsonl", gsm8k / "test_public.jsonl")
    golds = [json.loads(line)["answer"] for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(golds) == 2660
    for gold in golds:
        number = gold.rsplit("#### ", 1)[1]
        assert marked_number(gold) == last_number(gold) == Decimal(number.replace(",", ""))
    assert any("," in gold.rsplit("#### ", 1)[1] for gold in golds)
    scores = Arithmetic().score(golds, [[gold.rsplit("#### ", 1)[1]] for gold in golds])
    assert [corpus_value(score) for score in scores if isinstance(score, Score)][:2] == [1.0, 1.0]


def test_recorded_solutions_are_judged_as_their_file_says(gsm8k: Path) -> None:
    judged = 0
    for line in (gsm8k / "model_solutions.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        for model in (value for value in record.values() if isinstance(value, dict)):
            score = Arithmetic().score([model["solution"]], [[record["ground_truth"]]])[1]
            assert isinstance(score, Score)
            assert bool(corpus_value(score)) == model["is_correct"], model["solution"]
            judged += 1
    assert judged == 400


@pytest.mark.parametrize(("prompt", "published"), [("zero_shot", 0.177), ("zero_shot_cot", 0.787)])
def test_recorded_answers_give_the_published_accuracy(shared: Path, prompt: str, published: float) -> None:
    path = shared / "kojima_zero_shot_cot" / "outputs" / f"multiarith_{prompt}.jsonl"
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    scores = Arithmetic().score([record["pred_before"] for record in records], [[record["gt"]] for record in records])
    first = next(score for score in scores if score.name == "first_accuracy")
    assert isinstance(first, Score)
    for record, hit in zip(records, first.statistics[:, 0], strict=True):
        assert hit == (bool(record["pred_after"]) and float(record["pred_after"]) == float(record["gt"])), record
    assert corpus_value(first) == pytest.approx(published, abs=5e-4)


def test_equals_the_harness_on_random_texts() -> None:
    choose = random.Random(0)
    words, numbers = (
        ["#### ", " so ", " = ", "\n", "x", "; #### "],
        ["12", "1,319", "-7", "$5.50", "3.", "0.5", "-$80,000"],
    )
    for _ in range(1500):
        text = "".join(choose.choice(words) + choose.choice([*numbers, ""]) for _ in range(choose.randint(1, 6)))
        for found, ours in ((STRICT.search(text), marked_number(text)), (last_match(text), last_number(text))):
            theirs = harness_text(found)
            assert ours == (None if theirs is None else Decimal(theirs)), text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("It costs $1,234.50.", "1234.50"),
        ("5 ... done...", "5"),
        ("-3", "-3"),
        ("two", None),
        ("", None),
        (".5", "0.5"),
    ],
)
def test_the_last_number(text: str, number: str | None) -> None:
    assert last_number(text) == (None if number is None else Decimal(number))


def test_numbers_are_compared_by_value() -> None:
    scores = Arithmetic().score(["#### 5.00", "it is 5", "#### 1.2.3"], [["5"], ["5", "6"], ["1"]])
    assert [score.statistics[:, 0].tolist() for score in scores if isinstance(score, Score)] == [
        [1, 0, 0],
        [1, 1, 0],
        [1, 1, 0],
    ]


def test_a_reference_without_a_number_is_refused() -> None:
    with pytest.raises(DataError, match="instance 2: reference 'no idea' has no number"):
        Arithmetic().score(["1", "2"], [["1"], ["no idea"]])
