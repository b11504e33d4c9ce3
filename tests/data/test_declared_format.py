import pytest

from tunegrid.data.declared_format import DeclaredFormat
from tunegrid.data.record import RecordError
from tunegrid.data.record_format import Answered
from tunegrid.data.shape import Shape, found
from tunegrid.errors import ConfigError

NOTHING = {
    "names": [], "columns": {}, "computed": {}, "answers": [], "rejected": [], "choices": [], "words": [], "label": [],
    "separator": None, "where": {},
}  # fmt: skip


def read(record, **shape):
    return DeclaredFormat("declared", Shape(**{**NOTHING, **shape})).read(record)


def test_paths_go_into_objects_and_walk_through_lists():
    record = {"a": {"b": [{"c": 1}, {"c": [2, 3]}, {"d": 4}]}, "a.b": "exact"}
    assert list(found(record, "a.b.c")) == [1, 2, 3] and list(found(record, "a.b")) == ["exact"]
    assert list(found(record, "a.x")) == []


def test_every_answer_is_one_and_each_counts_once():
    record = {"q": "?", "notes": [{"says": ["yes", "sure"]}, {"says": ["yes"]}]}
    answers = read(record, columns={"question": ["other", "q"]}, answers=["notes.says"])
    assert answers == [Answered({"question": "?"}, (), "yes"), Answered({"question": "?"}, (), "sure")]


def test_numbers_are_text():
    assert [a.answer for a in read({"x": 3.80, "y": 7}, answers=["x", "y"])] == ["3.8", "7"]


def test_computed_columns_see_the_whole_record():
    (answer,) = read({"t": [["s", "p"], ["o"]], "a": "x"}, computed={"line": "{{ t[0] | join(' : ') }}"}, answers=["a"])
    assert answer.fields == {"line": "s : p"}


@pytest.mark.parametrize("label", [1, 1.0, True, "1", "B", "(B)", "two"])
def test_a_label_is_a_number_a_letter_or_the_choice_itself(label):
    (answer,) = read({"options": ["one", "two"], "label": label}, choices=["options"], label=["label"])
    assert (answer.answer, answer.choices, answer.gold) == ("two", ("one", "two"), (1,))


@pytest.mark.parametrize("label", ["B. two", "two", "B", "(B)"])
def test_letters_before_choices_are_taken_off(label):
    record = {"options": "A. one\nB. two", "label": label}
    (answer,) = read(record, choices=["options"], label=["label"], separator="\n")
    assert (answer.answer, answer.choices, answer.gold) == ("two", ("one", "two"), (1,))
    (other,) = read(
        {**record, "options": "B. one\nA. two", "label": 0}, choices=["options"], label=["label"], separator="\n"
    )
    assert other.choices == ("B. one", "A. two")


def test_true_is_the_second_choice_in_words_too():
    assert [read({"l": label}, words=["no", "yes"], label=["l"])[0].answer for label in ("True", "false")] == [
        "yes",
        "no",
    ]


@pytest.mark.parametrize("label", [2, -1, "C", "AB", "three", None, 0.5, "", "-1"])
def test_a_label_out_of_range_is_refused(label):
    with pytest.raises(RecordError, match=r"label: .* is no label of these 2 choices; use a number from 0 to 1, a let"):
        read({"label": label}, words=["no", "yes"], label=["label"])


def test_several_choices_can_be_right():
    record = {"offered": "left, right, up", "label": "up, left"}
    answers = read(record, choices=["offered"], label=["label"], separator=", ")
    assert [a.answer for a in answers] == ["up", "left"] and answers[0].gold == (2, 0)


def test_without_a_label_the_choices_among_the_answers_are_right_or_else_the_first():
    shape = {"choices": ["best", "wrong"], "answers": ["good"], "separator": ";"}
    record = {"best": "a", "good": "b; a", "wrong": "c;d"}
    assert [(a.answer, a.choices, a.gold) for a in read(record, **shape)] == [
        ("b", ("a", "c", "d"), (0,)),
        ("a", ("a", "c", "d"), (0,)),
    ]
    assert read({**record, "good": "b"}, **shape)[0].gold == (0,)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"a": "x"}, r"^q: missing; every record of the file needs q or question$"),
        ({"q": "x"}, r"^a: missing; every record of the file needs a$"),
        ({"q": " ", "a": "x"}, r"^q: empty; fill it in or remove the record$"),
        ({"q": None, "a": "x"}, r"^q: null where text is expected; write it in quotes$"),
        ({"q": ["\ud800"], "a": "x"}, r"^q: half of a surrogate pair"),
        ({"q": "x", "a": {"b": 1}}, r"^a: dict where text is expected"),
    ],
)
def test_a_record_without_its_columns_is_refused(record, message):
    with pytest.raises(RecordError, match=message):
        read(record, columns={"q": ["q", "question"]}, answers=["a"])


def test_computed_columns_that_cannot_be_are_the_record_s_fault():
    with pytest.raises(RecordError, match=r"data\.shape\.computed\.x: unknown column 'b'; known: a"):
        read({"a": "x"}, computed={"x": "{{ b }}"}, answers=["a"])
    with pytest.raises(RecordError, match=r"x: data\.shape\.computed\.x gives nothing for it"):
        read({"a": "x"}, computed={"x": "{{ '' }}"}, answers=["a"])


def test_a_shape_that_says_too_little_or_too_much_is_refused():
    with pytest.raises(ConfigError, match=r"data\.shape\.label must have data\.shape\.choices or words to choose from"):
        Shape(**{**NOTHING, "label": ["label"]})
    with pytest.raises(ConfigError, match=r"data\.shape\.words must be empty beside data\.shape\.choices"):
        Shape(**{**NOTHING, "label": ["l"], "choices": ["c"], "words": ["w"]})
