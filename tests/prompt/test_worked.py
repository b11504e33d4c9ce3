"""Solved examples of a file of the user's own."""

import pytest

from tunegrid.data import Example, Turn
from tunegrid.errors import DataError

FILE = "do not train on this\n-----\nCount.\n\nQ: a a\nA: There are two. So the answer is 2.\n"
ASKED = Example("t:1", {"mr": "name[T]"}, ("x",))


def test_the_file_stands_before_the_question_without_what_it_says_of_itself(make_prompt, plain, template, tmp_path):
    (tmp_path / "count.txt").write_text(FILE)
    prompt = make_prompt("worked", f"prompt.path={tmp_path}/count.txt", "prompt.separator=''")
    solved = "Count.\n\nQ: a a\nA: There are two. So the answer is 2."
    assert prompt.question(plain, template, ASKED).text == f"{solved}\n\nname[T]"


def test_each_task_of_a_mixture_has_its_own_and_its_perturbed_questions_have_it_too(make_prompt, template, tmp_path):
    for task in ("one", "other"):
        (tmp_path / f"{task}.txt").write_text(f"all of {task}")
    prompt = make_prompt("worked", f"prompt.path={tmp_path}")
    for task in ("one", "other"):
        perturbed = Example("t:1", {"mr": "name[T]", "task": task}, ("x",), task=f"{task}_typo")
        assert prompt.turns(template, perturbed) == (Turn("user", f"all of {task}\n\nname[T]"),)


def test_the_text_is_part_of_the_prompt_and_its_place_is_not(make_prompt, tmp_path):
    found = []
    for folder, text in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "count.txt").write_text(text)
        found.append(make_prompt("worked", f"prompt.path={tmp_path}/{folder}").fingerprint())
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("path", "fields", "message"),
    [
        ("nothing.txt", {}, r"nothing\.txt: no such file or folder; check prompt\.path"),
        ("", {}, "a folder, and the data have no tasks; name one of its files by prompt.path"),
        ("", {"task": "sums"}, r"sums\.txt: can't be read \(.*\); prompt\.path needs UTF-8 text"),
        ("latin.txt", {}, r"latin\.txt: can't be read \(.*\); prompt\.path needs UTF-8 text"),
    ],
)
def test_what_cannot_be_shown_is_refused(make_prompt, template, tmp_path, path, fields, message):
    (tmp_path / "latin.txt").write_bytes(b"\xe9")
    prompt = make_prompt("worked", f"prompt.path={tmp_path}/{path}")
    with pytest.raises(DataError, match=message):
        prompt.turns(template, Example("t:1", {"mr": "x", **fields}, ("x",)))
