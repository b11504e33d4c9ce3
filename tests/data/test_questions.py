"""Prompts that nobody has answered: a mixture asks them, and nothing trains on them."""

import json

import pytest

from tunegrid.data.check import check
from tunegrid.data.tokenized import prepare
from tunegrid.errors import DataError
from tunegrid.metrics.diversity import Diversity
from tunegrid.metrics.several import Several
from tunegrid.metrics.text import Text
from tunegrid.model.byte_tokenizer import byte_tokenizer

PLACES = ("+data@data.parts.places=restaurants", "data.parts.places.rows=9", "data.parts.places.test_rows=2")


@pytest.fixture
def asked(tmp_path):
    rows = [{"turns": [f"Why {number}?", "And then?"], "category": f"kind {number % 2}"} for number in range(4)]
    path = tmp_path / "question.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.fixture
def mixture(make_data, asked):
    part = ("+data@data.parts.open=mt_bench", f"data.parts.open.path={asked}", "data.parts.open.test_rows=3")
    return make_data("mixture", *PLACES, *part)


def test_a_mixture_asks_them_and_trains_on_its_other_parts(mixture, make_prompt):
    prepared = prepare(mixture, byte_tokenizer(end_appended=False, longest=4096), make_prompt("zero_shot"))
    assert len(prepared.train) == 9 and prepared.tasks == ("places",)
    own = [question for question in prepared.questions if question.task == "open"]
    assert len(own) == 3 and len(prepared.questions) == 5
    assert all(question.references == [] and question.prompt.startswith("Why ") for question in own)
    assert {question.group for question in own} == {"kind 0", "kind 1"}


def test_metrics_that_compare_refuse_them_unless_they_are_another_s(mixture):
    test = check(mixture).test
    with pytest.raises(DataError, match=r"open/question\.jsonl:\d: nobody has answered it, and the metrics compare"):
        Text().check(test)
    Diversity().check(test)
    Several(parts={"words": Text(), "varied": Diversity()}, tasks={"varied": ["open"]}).check(test)
    with pytest.raises(DataError, match=r"metrics\.tasks: unknown task 'opn'; did you mean open; known: open, places"):
        Several(parts={"words": Text(), "varied": Diversity()}, tasks={"varied": ["opn"]}).check(test)


def test_alone_they_leave_nothing_to_train_on(make_data, asked):
    with pytest.raises(DataError, match="the training part of the data is empty"):
        check(make_data("mt_bench", f"data.path={asked}"))


def test_a_weight_cannot_make_rows_of_none(make_data, asked):
    weights = "+data.weights={places: 1, open: 3}"
    data = make_data("mixture", *PLACES, "+data@data.parts.open=mt_bench", f"data.parts.open.path={asked}", weights)
    assert {example.task for example in data.splits().train} == {"places"}


@pytest.mark.parametrize("row", ['{"turns": []}', '{"turns": [" "]}', '{"turns": [3]}', '{"turns": ["x"]}'])
def test_a_record_without_the_columns_is_named(make_data, tmp_path, row):
    (tmp_path / "q.jsonl").write_text(f'{{"turns": ["x"], "category": "y"}}\n{row}\n')
    column = "category" if row == '{"turns": ["x"]}' else "turns"
    name = "group" if column == "category" else "prompt"
    with pytest.raises(DataError, match=rf"q\.jsonl:2: {column}: missing or no text; check data\.{name}"):
        make_data("mt_bench", f"data.path={tmp_path}/q.jsonl").splits()


def test_mt_bench_has_eighty(make_data, shared_data):
    test = make_data("mt_bench", f"data.path={shared_data}/mt_bench/question.jsonl").splits().test
    assert len(test) == 80 and len({example.fields["group"] for example in test}) == 8
