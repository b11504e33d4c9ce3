"""From questions and their answers to scores."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tunegrid.data.token_rows import Question
from tunegrid.metrics import Metrics, Ranked, Score, Unavailable
from tunegrid.sampler import Answer


def scored(metrics: Metrics, questions: Sequence[Question], answers: Sequence[Answer]) -> list[Score | Unavailable]:
    """The scores of one cell's answers: of their texts, of groups, and of the likelihoods behind chosen ones.

    Instances that a metric does not score have zeros for statistics, which count nowhere.
    """
    found: list[Score | Unavailable] = []
    for own in metrics.assigned([question.task for question in questions]):
        scores = _of_set(own.metrics, [questions[i] for i in own.places], [answers[i] for i in own.places])
        found += [_among(score, own.places, len(questions)) for score in scores]
    return found


def _of_set(metrics: Metrics, questions: Sequence[Question], answers: Sequence[Answer]) -> list[Score | Unavailable]:
    texts, references = [answer.text for answer in answers], [question.references for question in questions]
    ranked = [_ranked(question, answer) for question, answer in zip(questions, answers, strict=True)]
    return [
        *metrics.score(texts, references),
        *metrics.score_groups(texts, references, [question.group for question in questions]),
        *metrics.score_choices([one for one in ranked if one is not None]),
    ]


def _among(score: Score | Unavailable, places: Sequence[int], count: int) -> Score | Unavailable:
    """A score of the instances at `places` as one of `count` instances."""
    if isinstance(score, Unavailable):
        return score
    rows = np.zeros((count, score.statistics.shape[1]))
    rows[list(places)] = score.statistics
    return replace(score, statistics=rows)


def _ranked(question: Question, answer: Answer) -> Ranked | None:
    if not answer.log_likelihoods:
        return None
    return Ranked(np.array(answer.log_likelihoods), question.choice_lengths(), question.gold, question.group)
