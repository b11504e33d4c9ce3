from pathlib import Path

import pytest

from tunegrid.errors import DataError
from tunegrid.metrics.answer_records import read_texts
from tunegrid.metrics.files import read_predictions, read_references


def file(folder: Path, content: str | bytes) -> Path:
    path = folder / "texts.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_predictions_may_be_empty_lines(tmp_path: Path) -> None:
    assert read_predictions(file(tmp_path, "\ufeffone\r\n\n three ")) == ["one", "", "three"]
    assert read_predictions(file(tmp_path, "one\n\n")) == ["one", ""]


def test_a_blank_line_separates_instances(tmp_path: Path) -> None:
    assert read_references(file(tmp_path, "a\nb\n\nc\n\n\n"), 2) == [["a", "b"], ["c"]]


def test_without_blank_lines_each_line_is_an_instance_or_all_are_one(tmp_path: Path) -> None:
    assert read_references(file(tmp_path, "a\nb\n"), 2) == [["a"], ["b"]]
    assert read_references(file(tmp_path, "a\nb\n"), 1) == [["a", "b"]]


@pytest.mark.parametrize(
    ("content", "instances", "message"),
    [
        ("", 1, "texts.txt: the file is empty"),
        (b"a\n\xff\n", 2, r"texts.txt:2: not UTF-8 at byte 1"),
        ("a\n\n\nb\n", 2, r"texts.txt:3: a blank line where a reference should be"),
        ("a\nb\nc\n", 2, "references for 1 instances, but there are 2 predictions; put a blank line"),
        ("a\n\nb\n\nc\n", 2, "references for 3 instances, but there are 2 predictions"),
        ("a\n\nb\n", 3, "references for 2 instances, but there are 3 predictions"),
        ("\n\n", 2, "has no references"),
    ],
)
def test_bad_references(tmp_path: Path, content: str | bytes, instances: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_references(file(tmp_path, content), instances)


def test_records(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(
        '{"answer": "one", "references": ["1", "one"], "region": "north"}\n'
        '{"answer": 2, "references": "two", "region": "south"}\n',
        encoding="utf-8",
    )
    assert read_predictions(path) == ["one", "2"]
    assert read_references(path, 2) == [["1", "one"], ["two"]]
    assert read_texts(path, "region") == ["north", "south"]
    with pytest.raises(DataError, match="references for 2 instances, but there are 3 predictions; write one record"):
        read_references(path, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"references": ["a"]}', r"answers.jsonl:1: answer: missing; it has references"),
        ('{"answer": "a"}\n{"answer": ["a"]}', r"answers.jsonl:2: answer: must be a text, got \['a'\]"),
        ('{"answer": "a"', r"answers.jsonl:1: not JSON: .* is the line cut off"),
        ("", "answers.jsonl: empty"),
    ],
)
def test_bad_records(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_predictions(path)


@pytest.mark.parametrize("references", ["[]", "[null]", "null", '{"a": 1}'])
def test_records_need_a_reference(tmp_path: Path, references: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(f'{{"references": {references}}}', encoding="utf-8")
    with pytest.raises(DataError, match=r"answers.jsonl:1: references: must be a list of texts, at least one, got"):
        read_references(path, 1)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing: no such file or directory"):
        read_predictions(tmp_path / "missing")
    with pytest.raises(DataError, match=r"missing.jsonl: no such file; give a text file, or .jsonl"):
        read_predictions(tmp_path / "missing.jsonl")
    with pytest.raises(DataError, match="is a directory"):
        read_predictions(tmp_path)
