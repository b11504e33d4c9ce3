"""What the judge makes of answers to the test questions. Imports torch."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tunegrid.data.token_rows import Question
from tunegrid.metrics import Score
from tunegrid.prompt.encoding import Encoder, Side
from tunegrid.reward import Judge, Reward
from tunegrid.reward.none import NoReward
from tunegrid.sampler import Answer


def answer_scores(
    reward: Reward,
    encoder: Encoder,
    device: torch.device,
    questions: Sequence[Question],
    answers: Sequence[Sequence[Answer]],
) -> list[list[Score]]:
    """`answer_score` of each cell's answers; nothing where nobody judges, or a cell has answered nothing."""
    if isinstance(reward, NoReward) or not any(answers):
        return [[] for _ in answers]
    judge = reward.judge(encoder.tokenizer, device)
    prompts = [torch.tensor(question.prompt_ids) for question in questions]
    return [_judged(judge, prompts, encoder, own) if own else [] for own in answers]


def _judged(judge: Judge, prompts: Sequence[Tensor], encoder: Encoder, answers: Sequence[Answer]) -> list[Score]:
    texts = [answer.text for answer in answers]
    responses = [torch.tensor(ids) for ids in encoder.ids(texts, Side.completion)]
    scores = np.array(judge.scores(prompts, responses), np.float64)
    return [Score("answer_score", np.stack([scores, np.ones(len(scores))], axis=1))]
