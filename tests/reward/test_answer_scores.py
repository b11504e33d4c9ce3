"""Answers to test questions, judged by a rule whose scores are known."""

import torch

from tunegrid.data.token_rows import Question
from tunegrid.metrics.combine import corpus_value
from tunegrid.model.byte_tokenizer import byte_tokenizer
from tunegrid.prompt.encoding import Encoder
from tunegrid.reward import Reward
from tunegrid.reward.answer_scores import answer_scores
from tunegrid.reward.none import NoReward
from tunegrid.reward.rule import Rule
from tunegrid.sampler import Answer

RULE = Rule(pattern="fish", most_matches=2, most_words=None, word_penalty=0.0)


def scores(reward: Reward, *answers: list[str]) -> list[list[float]]:
    encoder = Encoder.of(byte_tokenizer(False, 64), "never", "\n")
    questions = [Question(f"q{n}", "eat what?", [5, 6], ["fish"]) for n in range(2)]
    texts = [[Answer(text) for text in own] for own in answers]
    found = answer_scores(reward, encoder, torch.device("cpu"), questions, texts)
    return [[corpus_value(score) for score in own] for own in found]


def test_every_cell_gets_the_mean_of_its_answers_and_silent_ones_none() -> None:
    assert scores(RULE, ["fish", "fish fish fish"], [], ["", "meat"]) == [[1.5], [], [0.0]]


def test_without_a_judge_there_is_no_score() -> None:
    assert scores(NoReward(), ["fish", "fish"], []) == [[], []]
