"""Choices of all test questions ranked by all cells of a pack. Imports torch."""

from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate

import numpy as np
import torch

from tunegrid.data.token_rows import Question
from tunegrid.objective.passes import passes
from tunegrid.pack.batch import CellRows, Row
from tunegrid.pack.likelihood import likelihoods
from tunegrid.pack.pack import Pack
from tunegrid.sampler import Answer, Report
from tunegrid.sampler.choices import Ranking


def rank(
    ranking: Ranking,
    pack: Pack,
    questions: Sequence[Question],
    tokens_per_pass: int,
    report: Report,
    silent: Collection[int] = (),
) -> list[list[Answer]]:
    """The likeliest choice of each question (inner list) by each member of `pack` (outer list).

    The likelihood is that of the choice alone, not of the token that would end it: so has lm-evaluation-harness it. Of
    choices that are equally likely the first is taken.
    """
    rows = list(_rows(questions))
    asked = [member.name for place, member in enumerate(pack.members) if place not in silent]
    found = dict(zip(asked, _log_likelihoods(pack, asked, rows, tokens_per_pass, report), strict=True))
    ends = list(accumulate(len(question.choices) for question in questions))[:-1]
    return [
        [
            _answer(ranking, question, own)
            for question, own in zip(questions, np.split(found[member.name], ends), strict=True)
        ]
        if member.name in found
        else []
        for member in pack.members
    ]


def _rows(questions: Sequence[Question]) -> Iterator[Row]:
    """A row for each choice of each question in turn."""
    for question in questions:
        prompt = torch.tensor(question.prompt_ids)
        yield from (Row(prompt, torch.tensor(ids)) for ids in question.choice_ids)


def _log_likelihoods(
    pack: Pack, names: Sequence[str], rows: Sequence[Row], tokens_per_pass: int, report: Report
) -> list[np.ndarray]:
    """(rows,) of each cell, in nats."""
    cells = [CellRows(name, pack.own_rows(name, rows), None) for name in names]
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    done, total = 0, len(rows) * len(names)
    with torch.inference_mode(), pack.router.fixed_weights():
        for piece in passes(cells, tokens_per_pass, pack.strict):
            for cell, part in zip(piece, likelihoods(pack, piece), strict=True):
                found[cell.name].append(-part[:, 0])
                done += len(part)
            report(done, total, "")
    return [np.concatenate(parts) for parts in found.values()]


def _answer(ranking: Ranking, question: Question, log_likelihoods: np.ndarray) -> Answer:
    lengths = np.array([len(choice) for choice in question.choices])
    scores = log_likelihoods / lengths if ranking is Ranking.per_character else log_likelihoods
    return Answer(question.choices[int(scores.argmax())], tuple(map(float, log_likelihoods)))
