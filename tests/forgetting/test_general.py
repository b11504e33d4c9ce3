"""What is asked of a model: the material that ships, the user's own, and the account of what is wrong with it."""

import json
from collections import Counter
from pathlib import Path

import pytest
from command_line import SMALL, files, run

from tunegrid.errors import DataError
from tunegrid.forgetting import Item
from tunegrid.forgetting.general import General, read_items, read_passages
from tunegrid.forgetting.none import NoForgetting

GOOD = {"task": "facts", "prompt": "Water is", "choices": ["wet", "dry"], "answer": 0}
SHIPPED = General(text=None, tasks=None)


def written(folder: Path, content: bytes | str) -> Path:
    path = folder / "own.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_what_ships_is_enough_for_intervals_and_every_answer_is_guessed_alike() -> None:
    material = SHIPPED.material()
    assert len(material.passages) >= 30 and len(set(material.passages)) == len(material.passages)
    assert len({(item.prompt, item.choices) for item in material.items}) == len(material.items) >= 60
    assert len({item.task for item in material.items}) == 6
    places = Counter(item.answer for item in material.items if len(item.choices) == 3)
    assert max(places.values()) < 0.5 * sum(places.values())


def test_passages_are_joined_lines_between_blank_ones(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffOne line\r\nand  the next.\r\n \r\n\r\nAnother passage.")
    assert list(read_passages(path)) == ["One line and the next.", "Another passage."]


def test_items_are_read_in_order(tmp_path: Path) -> None:
    path = written(tmp_path, f"{json.dumps(GOOD)}\n\n{json.dumps({**GOOD, 'answer': 1, 'note': 'ignored'})}\n")
    assert list(read_items(path)) == [
        Item("facts", "Water is", ("wet", "dry"), 0),
        Item("facts", "Water is", ("wet", "dry"), 1),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "own.jsonl: empty; give it at least one passage"),
        ("\n \n", "own.jsonl: empty; give it at least one passage"),
        ("Good one.\n\nAlone\n", "own.jsonl:3: a passage of one word, .*; write more of it or remove it"),
        (b"Good one.\n\xff\xfe", "own.jsonl:2: not UTF-8 at byte 1; save the file as UTF-8"),
    ],
)
def test_a_text_that_cannot_be_used_is_named_with_its_line(content: bytes | str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        list(read_passages(written(tmp_path, content)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"task": None}, "task: null where text is expected; write it in quotes"),
        ({"prompt": " "}, "prompt: empty; fill it in or remove the record"),
        ({"prompt": ...}, "prompt: missing; every record of the file needs it"),
        ({"choices": ...}, "choices: missing or no list; write"),
        ({"choices": "wet"}, "choices: missing or no list; write"),
        ({"choices": ["wet", 3]}, r"choices\[1\]: a number where text is expected"),
        ({"choices": ["wet", ""]}, r"choices\[1\]: empty"),
        ({"choices": ["wet"]}, "choices: 1 different of 1; write at least two, each once"),
        ({"choices": ["wet", "wet"]}, "choices: 1 different of 2; write at least two, each once"),
        ({"answer": ...}, "answer: None is the place of no choice; write the place of the right one, 0 to 1"),
        ({"answer": 2}, "answer: 2 is the place of no choice"),
        ({"answer": "wet"}, "answer: 'wet' is the place of no choice"),
        ({"answer": True}, "answer: True is the place of no choice"),
    ],
)
def test_an_item_that_cannot_be_used_is_named_with_its_key(change: dict, said: str, tmp_path: Path) -> None:
    bad = {key: value for key, value in {**GOOD, **change}.items() if value is not ...}
    with pytest.raises(DataError, match=f"own.jsonl:2: {said}"):
        list(read_items(written(tmp_path, f"{json.dumps(GOOD)}\n{json.dumps(bad)}\n")))


@pytest.mark.parametrize("content", ["{", "[1]", "3"])
def test_a_line_that_is_no_item_is_named(content: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"own.jsonl:\d: "):
        list(read_items(written(tmp_path, content)))


def test_the_fingerprint_follows_what_is_asked_and_not_where_it_lies(tmp_path: Path) -> None:
    own = written(tmp_path, json.dumps(GOOD))
    first = General(text=None, tasks=str(own)).fingerprint()
    moved = own.rename(tmp_path / "moved.jsonl")
    assert General(text=None, tasks=str(moved)).fingerprint() == first != SHIPPED.fingerprint()
    moved.write_text(json.dumps({**GOOD, "answer": 1}))
    assert General(text=None, tasks=str(moved)).fingerprint() != first
    assert NoForgetting().fingerprint() is None


def test_a_mistake_in_the_users_file_is_one_line_before_anything_runs(tmp_path: Path) -> None:
    written(tmp_path, json.dumps({**GOOD, "answer": 5}))
    done = run(tmp_path, *SMALL, "forgetting=general", "forgetting.tasks=../own.jsonl")
    assert (done.returncode, done.stdout, files(tmp_path)) == (2, "", [])
    assert done.stderr.count("\n") == 1 and "../own.jsonl:1: answer: 5 is the place of no choice" in done.stderr
    done = run(tmp_path, *SMALL, "forgetting=general", "forgetting.text=nowhere.txt")
    assert done.stderr == "error: nowhere.txt: no such file; check forgetting.text\n"
