"""What responses are worth, and what is refused."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from tunegrid.errors import ConfigError, DataError
from tunegrid.model.byte_tokenizer import byte_tokenizer
from tunegrid.reward import Reward
from tunegrid.reward import entry_point as module
from tunegrid.reward.entry_point import EntryPointReward
from tunegrid.reward.event import Worths
from tunegrid.reward.feedback import FeedbackTable, read_feedback
from tunegrid.reward.lexicon import Lexicon, read_worths, worth
from tunegrid.reward.none import NoReward
from tunegrid.reward.rule import Rule

CONF = Path(__file__).parents[2] / "conf"


def judged(reward: Reward, prompt: str, *responses: str) -> list[float]:
    tokenizer = byte_tokenizer(False, 64)
    end = [tokenizer.eos_token_id]

    def ids(text: str) -> torch.Tensor:
        return torch.tensor(tokenizer(text)["input_ids"] + end)

    judge = reward.judge(tokenizer, torch.device("cpu"))
    return judge.scores([ids(prompt)] * len(responses), [ids(response) for response in responses])


def written(folder: Path, *records: dict[str, Any]) -> Path:
    path = folder / "feedback.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def said(name: str, kind: str, response: str = "yes", **more: str) -> dict[str, Any]:
    return {"id": name, "prompt": "Is it?", "response": response, "kind": kind, **more}


def worths() -> Worths:
    """As they ship."""
    values = OmegaConf.load(CONF / "reward" / "feedback.yaml").worths
    return Worths(**OmegaConf.to_container(values))


def test_a_rule_counts_matches_up_to_a_bound_and_words_beyond_a_length() -> None:
    rule = Rule(pattern=r"\bfish\b", most_matches=2, most_words=4, word_penalty=0.5)
    assert judged(rule, "eat", "fish", "fish and fish", "fish fish fish fish fish fish", "meat") == [1, 2, 1, 0]


def test_a_lexicon_adds_worths_and_divides_by_the_root_of_the_words(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("Good\t2.0\t0.3\t[1, 2]\nbad\t-1\n")
    assert judged(Lexicon(path=str(path)), "how", "GOOD", "good, good", "bad!", "so so", "") == pytest.approx(
        [2, 4 / 2**0.5, -1, 0, 0]
    )
    assert worth("good bad fair fair", read_worths(path)) == pytest.approx(0.5)


@pytest.mark.parametrize("line", ["good", "good\tmuch", "good\tnan"])
def test_a_lexicon_that_is_none_names_the_line(line: str, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text(f"bad\t-1\n{line}\n")
    with pytest.raises(DataError, match=r"words.txt:2: .*; correct or remove the line"):
        read_worths(path)


def test_what_is_said_is_worth_what_the_table_says(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        said("a", "correct", "one"),
        said("b", "inappropriate", "two"),
        said("c", "adjusted", "three", text="four"),
        said("d", "adjusted", "two", text="one"),
    )
    table = FeedbackTable(path=str(path), unseen=-0.1, worths=worths())
    assert judged(table, "Is it?", "one", "two", "three", "four", "five") == [0.75, -0.75, -0.5, 0.5, -0.1]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"inappropriate": 1.0}, r"reward.worths.inappropriate must be below reward.worths.correct \(1.0\), got 1.0"),
        ({"adjusted_from": 0.7}, r"reward.worths.adjusted_from must be below reward.worths.adjusted_to \(0.5\)"),
        ({"correct": float("inf")}, r"reward.worths.correct must be a number, got inf"),
    ],
)
def test_what_is_worse_is_worth_less(changed: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(worths(), **changed)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (said("a", "correct"), r":2: id 'a': is taken by an earlier event; give each an id of its own"),
        (said("b", "inappropriate"), r":2: id 'b': contradicts 'a' on the same response; keep one"),
        (said("b", "adjusted", "no", text="yes "), None),
        (said("b", "adjusted", text="no"), r":2: id 'b': contradicts 'a' on the same response"),
        (said("b", "fine"), r":2: id 'b': unknown kind 'fine'"),
        (said("b", "adjusted"), r":2: id 'b': text: missing or empty; fill it in"),
        (said("b", "adjusted", "no", text=" no"), r":2: id 'b': text: the response as it was; write another, or"),
        (said("b", "correct", text="no"), r":2: id 'b': text: only kind=adjusted has one; leave it out, or"),
        (said("b", "correct", ""), r":2: id 'b': response: missing or empty"),
        ({"prompt": "Is it?", "response": "yes", "kind": "correct"}, r":2: id: missing or empty"),
    ],
)
def test_feedback_that_is_missing_double_or_contradictory_is_refused_by_id(
    second: dict[str, Any], message: str | None, tmp_path: Path
) -> None:
    path = written(tmp_path, said("a", "correct"), second)
    with nullcontext() if message is None else pytest.raises(DataError, match=message):
        assert read_feedback(path, worths()).worth(("Is it?", "yes")) == 0.75


def test_only_what_a_package_declares_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name, dist = "length", None

        def load(self) -> Callable[..., list[int]]:
            return lambda prompts, responses: [len(response) for response in responses]

    monkeypatch.setattr(module, "entry_points", lambda group: [Point()] if group == "tunegrid.rewards" else [])
    assert judged(EntryPointReward(name="length"), "say", "four", "fifth") == [4.0, 5.0]
    with pytest.raises(ConfigError, match=r"reward.name: unknown entry point of tunegrid.rewards 'os.system'"):
        EntryPointReward(name="os.system").fingerprint()


def test_what_a_file_holds_is_part_of_a_cells_identity_and_where_it_lies_is_not(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path, text in zip(paths, ("x\t1\n", "x\t1\n", "x\t2\n"), strict=True):
        path.write_text(text)
    same, moved, other = (Lexicon(path=str(path)).fingerprint() for path in paths)
    assert same == moved != other


def test_nobody_judges_nothing() -> None:
    with pytest.raises(ConfigError, match="reward=none judges nothing"):
        judged(NoReward(), "a", "b")
