"""Sessions of tiny models: what is left in the cell, and that it is the same after an interruption."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from objective.ppo.test_resume import signals, stop_after
from tiny_models import gpt2, llama
from tiny_training import MACHINE, MemoryJournal, members
from torch import Tensor

from tunegrid import interrupt
from tunegrid.constitution.comparison import LETTERS, Contest, compared
from tunegrid.constitution.member import MemberSpeaker
from tunegrid.constitution.rules import SHIPPED, read_rules
from tunegrid.constitution.told import Told
from tunegrid.data import Turn
from tunegrid.data.token_rows import PreparedData, TokenizedRows
from tunegrid.data.training_prompts import TrainingPrompt, TrainingPrompts
from tunegrid.errors import ConfigError
from tunegrid.method.base import Base
from tunegrid.model.byte_tokenizer import byte_tokenizer
from tunegrid.model.split_attention import split
from tunegrid.objective import Trained
from tunegrid.objective.constitution import Constitution
from tunegrid.objective.rollout import Drawing
from tunegrid.pack.pack import Pack
from tunegrid.prompt.encoding import Encoder, Side
from tunegrid.reward import Judge, Reward
from tunegrid.reward.none import NoReward

__all__ = ["signals"]

HARDWARE = replace(MACHINE, generation_rows=4, tokens_per_pass=4096)
COUNT = 10


class Lengths(Reward):
    """A response is worth its number of tokens."""

    def fingerprint(self) -> str | None:
        return "lengths"

    def judge(self, tokenizer: Any, device: torch.device) -> Judge:
        return CountTokens()


class CountTokens(Judge):
    def scores(self, prompts: Sequence[Tensor], responses: Sequence[Tensor]) -> list[float]:
        return [float(len(response)) for response in responses]


def objective(**changes: object) -> Constitution:
    comparison = "{{ request }} {{ principle }} (A) {{ first }} (B) {{ second }}"
    base = Constitution(rules=None, rounds=2, response_tokens=5, temperature=1.0, comparison=comparison)
    return replace(base, **changes)  # type: ignore[arg-type]


def asked(texts: Sequence[str]) -> PreparedData:
    tokenizer = byte_tokenizer(False, 64)
    encoder = Encoder.of(tokenizer, "never", "\n")
    turns = [(Turn("user", text),) for text in texts]
    ids = encoder.ids([encoder.text(one) for one in turns], Side.prompt)
    prompts = tuple(TrainingPrompt(*one) for one in zip(texts, texts, map(tuple, ids), turns, strict=True))
    none, of = TokenizedRows.of([]), TrainingPrompts(prompts, encoder, ())
    return PreparedData(none, none, [], (tokenizer.eos_token_id,), "fingerprint", (), prompts=of)


def hold(
    folder: Path,
    texts: Sequence[str] = tuple(f"say {n}" for n in range(COUNT)),
    report: Callable[[int, int, str], None] = lambda *_: None,
    reward: Reward | None = None,
    **changes: object,
) -> tuple[Trained, MemoryJournal]:
    own, journal = objective(**changes), MemoryJournal(folder)
    judge = Lengths() if reward is None else reward
    (found,) = own.train(pack(), [own], asked(texts), HARDWARE, [journal], report, judge)
    return found, journal


def pack(base: Any = None) -> Pack:
    tokenizer = byte_tokenizer(False, 64)
    return Pack(base or llama(), members(Base(kind="base")), tokenizer.pad_token_id, tokenizer=tokenizer)


def speaker(of: Pack, tokens: int = 6) -> MemberSpeaker:
    encoder = Encoder.of(byte_tokenizer(False, 64), "never", "\n")
    return MemberSpeaker(of, of.members[0].name, encoder, Drawing(tokens, 1.0, encoder.stop_ids, of.pad), 3, 256)


def told(found: Trained) -> list[Told]:
    return [Told(**dict(line)) for line in found.records["transcript.jsonl"]]


def test_every_prompt_leaves_a_line_with_a_rule_for_each_round_and_scores_of_every_answer(tmp_path: Path) -> None:
    found, journal = hold(tmp_path)
    names = {rule.name for rule in read_rules(SHIPPED)}
    lines = told(found)
    assert [line.prompt for line in lines] == [f"say {n}" for n in range(COUNT)]
    for line in lines:
        assert len(line.answers) == len(line.scores) == 3 and len(line.critiques) == 2
        assert len({*line.rules, line.compared_by}) == 3 and {*line.rules, line.compared_by} <= names
    assert [row["step"] for row in journal.rows] == [4, 8, 10]
    assert journal.rows[0]["score_2"] == np.mean([line.scores[2] for line in lines[:4]])
    assert (found.steps, found.kept_step, found.diverged) == (0, 0, False)


def test_the_change_is_that_of_the_judges_scores(tmp_path: Path) -> None:
    found, _ = hold(tmp_path)
    columns = objective().statistics(found.validation)
    wanted = [line.scores[2] - line.scores[0] for line in told(found)]
    assert columns["revision_change"][:, 0].tolist() == wanted and np.ptp(wanted) > 0


def test_probabilities_are_that_the_last_revision_is_better_than_the_draft(tmp_path: Path) -> None:
    found, _ = hold(tmp_path, texts=["say 1", "say 2"])
    prompts, rules = asked(["say 1", "say 2"]).prompts, {rule.name: rule for rule in read_rules(SHIPPED)}
    assert prompts is not None
    contests = [
        Contest(prompt, rules[line.compared_by], line.answers[-1], line.answers[0])
        for prompt, line in zip(prompts.prompts, told(found), strict=True)
    ]
    wanted = compared(speaker(pack()), contests, objective().comparison)
    assert [line.probabilities for line in told(found)] == [pytest.approx(own, abs=1e-6) for own in wanted]
    assert abs(wanted.mean(1) - 0.5).min() > 1e-5


def test_nobody_has_to_judge(tmp_path: Path) -> None:
    found, _ = hold(tmp_path, reward=NoReward())
    assert all(line.scores == [] for line in told(found))
    assert "draft_score" not in objective().statistics(found.validation)


def test_a_session_that_was_stopped_goes_on_behind_the_prompts_that_are_done(tmp_path: Path, signals: None) -> None:
    whole, _ = hold(tmp_path / "whole")
    reports: list[int] = []

    with pytest.raises(interrupt.Interrupted):
        hold(tmp_path / "cut", report=stop_after(4))
    found, _ = hold(tmp_path / "cut", report=lambda done, *_: reports.append(done))
    assert reports == [8] and found.records == whole.records
    np.testing.assert_array_equal(found.validation, whole.validation)


def test_what_stands_beside_a_prompt_changes_nothing_that_is_said(tmp_path: Path) -> None:
    whole, _ = hold(tmp_path / "whole")
    alone, _ = hold(tmp_path / "alone", texts=["say 7"])
    (of_alone,), of_whole = told(alone), told(whole)[7]
    assert replace(of_alone, probabilities=[]) == replace(of_whole, probabilities=[])
    assert of_alone.probabilities == pytest.approx(of_whole.probabilities, abs=1e-6)


def test_another_seed_draws_other_words(tmp_path: Path) -> None:
    first, second = speaker(pack()), speaker(pack())
    turns = [(Turn("user", "say"),)] * 2
    here, there = first.replies(turns, [1, 2]), second.replies(turns, [2, 3])
    assert here[1] == there[0] and len({here[0], here[1], there[1]}) == 3


@pytest.mark.parametrize("make", [llama, gpt2])
def test_likelihoods_are_those_of_transformers_own_forward(make: Callable[[], Any]) -> None:
    turns = [(Turn("user", "which"),), (Turn("user", "which of these two"),)]
    one, plain = speaker(pack(split(make()))), make().eval()
    found = one.log_likelihoods(turns, LETTERS)
    tokenizer = byte_tokenizer(False, 64)
    for row, (turn,) in enumerate(turns):
        for column, letter in enumerate(LETTERS):
            prompt, reply = (tokenizer(text)["input_ids"] for text in (f"{turn.content}\n", letter))
            with torch.no_grad():
                logits = plain(input_ids=torch.tensor([prompt + reply])).logits[0, len(prompt) - 1 : -1]
            wanted = logits.log_softmax(-1).gather(1, torch.tensor(reply)[:, None]).sum()
            assert found[row, column] == pytest.approx(float(wanted), abs=1e-4)


def test_tokens_are_counted_as_they_go_through_the_model() -> None:
    one = speaker(pack())
    one.log_likelihoods([(Turn("user", "which"),)], LETTERS)
    assert one.tokens == 2 * (len("which\n(A)") - 1)


def test_a_conversation_that_is_too_long_for_the_model_is_one_line() -> None:
    one = speaker(pack(split(gpt2())), tokens=100)
    with pytest.raises(ConfigError, match=r"of 31 tokens and a reply of 100 are more than the model's 128 positions"):
        one.replies([(Turn("user", "x" * 30),)], [0])
