"""Choices of all test questions ranked by all cells of a pack. Imports torch."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice

import numpy as np
import torch
from torch import Tensor

from tunegrid.data.token_rows import Question
from tunegrid.objective.passes import passes
from tunegrid.pack.batch import Batch, CellRows, Labels, Row
from tunegrid.pack.likelihood import unweighted
from tunegrid.pack.pack import Pack
from tunegrid.sampler import Answer, Report
from tunegrid.sampler.choices import Ranking


@dataclass(frozen=True, slots=True)
class Reading:
    """A row, and the choices whose likelihood it tells: one of any length, or several single tokens."""

    row: Row
    choices: Sequence[list[int]]


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
    names = [member.name for place, member in enumerate(pack.members) if place not in silent]
    readings = [reading for question in questions for reading in _readings(pack, question)]
    found = dict(zip(names, _log_likelihoods(pack, names, readings, tokens_per_pass, report), strict=True))
    ends = list(accumulate(len(question.choices) for question in questions))[:-1]
    return [
        [_answer(ranking, q, own) for q, own in zip(questions, np.split(found[member.name], ends), strict=True)]
        if member.name in found
        else []
        for member in pack.members
    ]


def _readings(pack: Pack, question: Question) -> Iterator[Reading]:
    """The prompt once where every choice is a single token, else once for each choice."""
    prompt, choices, task = torch.tensor(question.prompt_ids), question.choice_ids, pack.place_of(question.task)
    if all(len(ids) == 1 for ids in choices):
        yield Reading(Row(prompt, torch.tensor(choices[0]), task), choices)
    else:
        yield from (Reading(Row(prompt, torch.tensor(ids), task), [ids]) for ids in choices)


def _log_likelihoods(
    pack: Pack, names: Sequence[str], readings: Sequence[Reading], tokens_per_pass: int, report: Report
) -> list[np.ndarray]:
    """(choices,) float64 of each cell: log-likelihoods in nats."""
    rows = [reading.row for reading in readings]
    cells = [CellRows(name, pack.own_rows(name, rows), None) for name in names]
    upcoming, found = {name: iter(readings) for name in names}, {name: [np.zeros(0)] for name in names}
    done = 0
    with torch.inference_mode(), pack.router.fixed_weights():
        for piece in passes(cells, tokens_per_pass, pack.strict):
            read = [list(islice(upcoming[cell.name], len(cell.rows))) for cell in piece]
            for cell, part in zip(piece, _of_pass(pack, piece, read), strict=True):
                found[cell.name].append(part)
            done += sum(map(len, read))
            report(done, len(readings) * len(names), "")
    return [np.concatenate(parts) for parts in found.values()]


def _of_pass(pack: Pack, piece: Sequence[CellRows], read: Sequence[Sequence[Reading]]) -> list[np.ndarray]:
    """(choices,) of each cell in a pass."""
    batch = pack.forward.collate(piece)
    labels, owners = _labels(batch, read)
    with pack.router.over(*batch.shares):
        nll = unweighted(pack, replace(batch, labels=labels))[1].double().cpu()
    counts = [sum(len(reading.choices) for reading in own) for own in read]
    sums = torch.zeros(sum(counts), dtype=torch.float64).index_add_(0, owners, -nll)
    return np.split(sums.numpy(), np.cumsum(counts)[:-1])


def _labels(batch: Batch, read: Sequence[Sequence[Reading]]) -> tuple[Labels, Tensor]:
    """Labels for every token of every choice, and (L,) the choice that each belongs to."""
    readings = [reading for own in read for reading in own]
    choices = [ids for reading in readings for ids in reading.choices]
    repeats = [len(reading.choices) for reading in readings for _ in reading.row.completion]
    device = batch.labels.positions.device
    labels = replace(
        batch.labels,
        positions=batch.labels.positions.repeat_interleave(torch.tensor(repeats, device=device)),
        ids=torch.tensor([token for ids in choices for token in ids], device=device),
        rows=batch.labels.rows.repeat_interleave(torch.tensor(repeats, device=device)),
        counts=tuple(sum(len(ids) for reading in own for ids in reading.choices) for own in read),
    )
    return labels, torch.arange(len(choices)).repeat_interleave(torch.tensor([len(ids) for ids in choices]))


def _answer(ranking: Ranking, question: Question, log_likelihoods: np.ndarray) -> Answer:
    scores = log_likelihoods / question.choice_lengths() if ranking is Ranking.per_character else log_likelihoods
    return Answer(question.choices[int(scores.argmax())], tuple(map(float, log_likelihoods)))
