"""Pairs from what people said, and the records that say nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from tunegrid.data import CopiedRows, LongRows, Template
from tunegrid.data.pairs import prepare_pairs
from tunegrid.data.preferences import Preferences, read_preferences
from tunegrid.errors import DataError
from tunegrid.model.byte_tokenizer import byte_tokenizer
from tunegrid.prompt import Chat
from tunegrid.prompt.zero_shot import ZeroShot


def written(folder: Path, *records: dict[str, Any]) -> Path:
    path = folder / "said.jsonl"
    path.write_text("".join(json.dumps({"prompt": "p", **record}) + "\n" for record in records))
    return path


def pairs(path: Path) -> list[tuple[str, str]]:
    return [(example.references[0], example.rejected[0]) for example in read_preferences(path)]


def preferences(path: Path, **changes: Any) -> Preferences:
    values: dict[str, Any] = {
        "template": Template(input="{{ prompt }}", target="{{ reference }}", others={}),
        "rows": None,
        "validation_rows": None,
        "test_rows": None,
        "split_seed": 0,
        "max_length": 64,
        "long_rows": LongRows.drop,
        "copies": CopiedRows.keep,
        "path": str(path),
        "validation_fraction": 0.2,
        "test_fraction": 0.2,
    }
    return Preferences(**(values | changes))


def test_choices_ratings_flags_and_edits_become_pairs(tmp_path: Path) -> None:
    assert pairs(written(tmp_path, {"chosen": "a", "rejected": "b"})) == [("a", "b")]
    rated = [{"response": name, "rating": rating} for name, rating in (("a", 5), ("b", 1), ("c", 5), ("d", 3))]
    assert set(pairs(written(tmp_path, *rated))) == {("a", "b"), ("a", "d"), ("c", "b"), ("c", "d"), ("d", "b")}
    flagged = [{"response": name, "flagged": name == "b"} for name in "abc"]
    assert set(pairs(written(tmp_path, *flagged))) == {("a", "b"), ("c", "b")}
    assert pairs(written(tmp_path, {"response": "b", "edit": "a"})) == [("a", "b")]


def test_answers_to_different_prompts_are_not_compared(tmp_path: Path) -> None:
    path = written(tmp_path, {"response": "a", "rating": 1}, {"prompt": "q", "response": "b", "rating": 2})
    with pytest.raises(DataError, match="no two answers to one prompt of which one is better"):
        read_preferences(path)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"chosen": "a"}, ":1: rejected: missing or empty"),
        ({"chosen": "a", "rejected": " "}, ":1: rejected: missing or empty"),
        ({"chosen": "a", "rejected": "b", "margin": "much"}, ":1: margin: not a number"),
        ({"response": "a", "rating": "good"}, ":1: rating: not a number"),
        ({"response": "a", "flagged": 1}, ":1: flagged: not true or false"),
        ({"response": "a"}, ":1: flagged: not true or false; give chosen and rejected"),
        ({"prompt": "", "chosen": "a", "rejected": "b"}, ":1: prompt: missing or empty"),
    ],
)
def test_a_record_that_says_nothing_is_named(record: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_preferences(written(tmp_path, record))


def test_a_prompts_pairs_are_in_one_part_and_tokenised_side_by_side(tmp_path: Path) -> None:
    records = [{"prompt": f"p{n // 2}", "chosen": f"good{n}", "rejected": f"bad{n}", "margin": n} for n in range(20)]
    data = preferences(written(tmp_path, *records, {"prompt": "p0", "chosen": "x", "rejected": "x"}))
    splits = data.splits()
    prompts = [{e.fields["prompt"] for e in part} for part in (splits.train, splits.validation, splits.test)]
    assert sum(map(len, prompts)) == 10 and not prompts[0] & prompts[1] and not prompts[2] & (prompts[0] | prompts[1])
    tokenizer = byte_tokenizer(False, 64)
    found = prepare_pairs(data, tokenizer, ZeroShot(chat=Chat.never, system=None, separator="\n"))
    assert len(found.train) + len(found.validation) + len(splits.test) == 21
    for pair, example in enumerate(splits.validation):
        texts = [tokenizer.decode(found.validation.rows.completion(2 * pair + side)[:-1]) for side in (0, 1)]
        assert texts == [example.references[0], example.rejected[0]]
        assert tokenizer.decode(found.validation.rows.prompt(2 * pair)) == example.fields["prompt"] + "\n"
        assert found.validation.margins[pair] == float(example.fields["margin"])
    assert any("1 pairs of twice the same tokens" in note for note in found.notes)


def test_long_pairs_are_left_out_whole(tmp_path: Path) -> None:
    records = [{"prompt": f"p{n}", "chosen": "a", "rejected": "b" * (30 * (n % 2))} for n in range(2, 20)]
    short = [record for record in records if record["rejected"]]
    data = preferences(written(tmp_path, *short, *[{**r, "rejected": "b"} for r in records]), max_length=20)
    found = prepare_pairs(data, byte_tokenizer(False, 64), ZeroShot(chat=Chat.never, system=None, separator="\n"))
    assert any("over 20 tokens left out" in note for note in found.notes)
    assert max(found.train.rows.lengths) <= 20 and len(found.train.rows) == 2 * len(found.train)


def test_data_without_worse_answers_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    from tunegrid.data import Splits

    class Answers(Preferences):
        def splits(self) -> Splits:
            whole = super().splits()
            plain = [tuple(replace(e, rejected=()) for e in part) for part in (whole.train, whole.validation)]
            return Splits(*plain, whole.test)

    source = preferences(written(tmp_path, *[{"prompt": str(n), "chosen": "a", "rejected": "b"} for n in range(5)]))
    data = Answers(**{name: getattr(source, name) for name in source.__dataclass_fields__})
    with pytest.raises(DataError, match="rejected: no such answer; objective=reward learns from preference data"):
        prepare_pairs(data, byte_tokenizer(False, 64), ZeroShot(chat=Chat.never, system=None, separator="\n"))
