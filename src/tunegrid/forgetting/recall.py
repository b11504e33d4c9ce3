"""General text and held-out items under the weights of each cell of a pack, or of the base. Imports torch."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from tunegrid.forgetting import Item, Material
from tunegrid.metrics import multiple_choice
from tunegrid.metrics.forgetting import BeforeAfter, Remembered
from tunegrid.objective.passes import passes
from tunegrid.pack.batch import CellRows, Row
from tunegrid.pack.likelihood import likelihoods
from tunegrid.pack.pack import Pack
from tunegrid.pack.route import BASE
from tunegrid.prompt.encoding import Encoder, Side

LONGEST = 256
"""Tokens of a passage that are read; what follows them is left out."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Material as rows of tokens, and the pack that is asked. Without material everything is empty."""

    pack: Pack
    tokens_per_pass: int
    items: Sequence[Item]
    passages: Sequence[Row]
    choices: Sequence[Row]
    """Each choice of each item in turn, behind the item's prompt."""

    @classmethod
    def of(cls, material: Material, tokenizer: PreTrainedTokenizerBase, pack: Pack, tokens_per_pass: int) -> "Recall":
        """Tokenise it, without a chat template."""
        encoder = Encoder.of(tokenizer, "never", "")
        halves = pack.base.config.is_encoder_decoder
        passages = [_passage(ids[:LONGEST], halves) for ids in encoder.ids(material.passages, Side.prompt)]
        return cls(pack, tokens_per_pass, material.items, passages, list(_choices(material.items, encoder)))

    @property
    def is_asked(self) -> bool:
        """Whether there is any material."""
        return bool(self.passages or self.choices)

    def of_base(self) -> Remembered | None:
        """What the base makes of it, before any training; None without material."""
        return self._asked([BASE])[0] if self.is_asked else None

    def of_members(self, before: Remembered | None, apart: Collection[int] = ()) -> list[BeforeAfter | None]:
        """What each member makes of it, beside the base; None for those at the places `apart`.

        One that trains nothing is the base itself.
        """
        if before is None:
            return [None] * len(self.pack.members)
        names = [member.name for place, member in enumerate(self.pack.members) if place not in apart]
        trained = [member.name for member in self.pack.members if member.name in names and self.pack.trainable(member)]
        after = dict.fromkeys(names, before) | dict(zip(trained, self._asked(trained), strict=True))
        tasks = tuple(item.task for item in self.items)
        return [BeforeAfter(before, after[m.name], tasks) if m.name in names else None for m in self.pack.members]

    def _asked(self, names: Sequence[str]) -> list[Remembered]:
        rows = [*self.passages, *self.choices]
        found: dict[str, list[np.ndarray]] = {name: [] for name in names}
        cells = [CellRows(name, rows if name == BASE else self.pack.own_rows(name, rows), None) for name in names]
        with torch.no_grad():  # no inference mode: what a layer keeps from it could not be trained with
            for piece in passes(cells, self.tokens_per_pass, self.pack.strict):
                for cell, part in zip(piece, likelihoods(self.pack, piece), strict=True):
                    found[cell.name].append(part)
        return [self._remembered(np.concatenate(parts)) for parts in found.values()]

    def _remembered(self, rows: np.ndarray) -> Remembered:
        """From (rows, 2) nll sums and label counts of all passages and choices."""
        of_choices = -rows[len(self.passages) :, 0]
        bounds = np.cumsum([len(item.choices) for item in self.items])[:-1]
        lengths = [np.array([len(choice) for choice in item.choices]) for item in self.items]
        answers = [item.answer for item in self.items]
        right = multiple_choice.statistics(np.split(of_choices, bounds), lengths, answers)
        return Remembered(rows[: len(self.passages)], right)


def _passage(ids: Sequence[int], halves: bool) -> Row:
    """Every token but the first is predicted; an encoder-decoder reads one half and predicts the other."""
    start = len(ids) // 2 if halves else 1
    return Row(torch.tensor(ids[:start]), torch.tensor(ids[start:]))


def _choices(items: Sequence[Item], encoder: Encoder) -> Iterator[Row]:
    prompts = encoder.ids([item.prompt for item in items], Side.prompt)
    for item, prompt in zip(items, prompts, strict=True):
        texts = [f" {choice}" for choice in item.choices]
        for ids in encoder.tokenizer(texts, add_special_tokens=False)["input_ids"]:
            yield Row(torch.tensor(prompt), torch.tensor(ids))
