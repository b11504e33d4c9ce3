"""From questions and their answers to scores."""

from collections.abc import Sequence

import numpy as np

from tunegrid.data.token_rows import Question
from tunegrid.metrics import Metrics, Ranked, Score, Unavailable
from tunegrid.sampler import Answer


def scored(metrics: Metrics, questions: Sequence[Question], answers: Sequence[Answer]) -> list[Score | Unavailable]:
    """The scores of one cell's answers: of their texts, and of the likelihoods behind those that were chosen."""
    of_texts = metrics.score([answer.text for answer in answers], [question.references for question in questions])
    ranked = [_ranked(question, answer) for question, answer in zip(questions, answers, strict=True)]
    return [*of_texts, *metrics.score_choices([one for one in ranked if one is not None])]


def _ranked(question: Question, answer: Answer) -> Ranked | None:
    if not answer.log_likelihoods:
        return None
    return Ranked(np.array(answer.log_likelihoods), question.choice_lengths(), question.gold)
