"""Pairs of answers to one prompt as token ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tunegrid.data import Data, Example
from tunegrid.data.selection import select
from tunegrid.data.token_rows import TokenizedRows
from tunegrid.errors import DataError
from tunegrid.prompt import Prompt
from tunegrid.prompt.encoding import Side

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from tunegrid.data.selection import Pair as ExampleWithReference

MARGIN = "margin"
"""The field of an example that says by how much its chosen answer is to be ahead; 0 without it."""

SHOWN = 5
"""Keys that a note names at most."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An answer that is better than another."""

    prompt: str
    chosen: str
    rejected: str
    margin: float = 0.0


@dataclass(frozen=True, slots=True)
class PairRows:
    """Pairs of one part, as tokens."""

    rows: TokenizedRows
    """Row 2i is the chosen answer of pair i, row 2i + 1 the rejected one, each behind the same prompt."""
    margins: np.ndarray
    """(pairs,) float32."""

    def __len__(self) -> int:
        return len(self.margins)


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of a data set."""

    train: PairRows
    validation: PairRows
    notes: tuple[str, ...]
    """What a protocol says about them."""


def prepare_pairs(data: Data, tokenizer: "PreTrainedTokenizerBase", prompt: Prompt) -> Pairs:
    """Tokenise the preference pairs of a data set, those that fit into `data.max_length`.

    Raises `DataError` for data without rejected answers.
    """
    splits = data.splits()
    chosen, fitted = select(data, splits), prompt.fitted(data.template, splits.train)
    train, first = _part("training", chosen.train, data, tokenizer, fitted)
    validation, second = _part("validation", chosen.validation, data, tokenizer, fitted)
    return Pairs(train, validation, (*first, *second))


def _part(
    name: str,
    selected: "Sequence[ExampleWithReference]",
    data: Data,
    tokenizer: "PreTrainedTokenizerBase",
    prompt: Prompt,
) -> tuple[PairRows, list[str]]:
    encoder = prompt.encoder(tokenizer)
    pairs = [
        _pair(data, encoder.text(prompt.turns(data.template, example)), example, reference)
        for example, reference in selected
    ]
    prompts = encoder.ids([pair.prompt for pair in pairs], Side.prompt)
    sides = [encoder.ids([getattr(pair, side) for pair in pairs], Side.completion) for side in ("chosen", "rejected")]
    kept = [
        place
        for place, (ids, *both) in enumerate(zip(prompts, *sides, strict=True))
        if max(len(ids) + len(side) for side in both) <= data.max_length
    ]
    if not kept:
        raise DataError(f"data.max_length={data.max_length} leaves no {name} pair; raise it")
    rows = [(prompts[place], side[place]) for place in kept for side in sides]
    notes = [f"{name}: {len(kept)} pairs"]
    notes += [f"{name}: {len(pairs) - len(kept)} pairs over {data.max_length} tokens left out"] * (
        len(kept) < len(pairs)
    )
    same = [selected[place][0].key for place in kept if sides[0][place] == sides[1][place]]
    if same:
        shown = ", ".join(same[:SHOWN])
        notes.append(f"{name}: {len(same)} pairs of twice the same tokens, from which nothing is learned: {shown}")
    return PairRows(TokenizedRows.of(rows), np.array([pairs[place].margin for place in kept], np.float32)), notes


def _pair(data: Data, prompt: str, example: Example, reference: str) -> Pair:
    if not example.rejected:
        raise DataError(f"{example.key}: rejected: no such answer; objective=reward learns from preference data")
    place = example.references.index(reference)
    chosen, rejected = (
        data.template.target_text(example.fields, answer) for answer in (reference, example.rejected[place])
    )
    return Pair(prompt, chosen, rejected, float(example.fields.get(MARGIN, 0)))
