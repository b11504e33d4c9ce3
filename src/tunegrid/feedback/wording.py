"""A session's prompts and responses as the cell's model reads and writes them. Imports torch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import torch
from torch import Tensor

from tunegrid.cell.cell import Cell
from tunegrid.data.record import RecordError
from tunegrid.inference.prompt_text import fitted_prompt, only_column, prompt_text
from tunegrid.method.virtual_tokens import positions
from tunegrid.pack.batch import Row
from tunegrid.prompt import Prompt
from tunegrid.prompt.encoding import Encoder, Side
from tunegrid.reward.event import Event


@dataclass(frozen=True, slots=True)
class Wording:
    """From texts to tokens and back."""

    cell: Cell
    prompt: Prompt
    encoder: Encoder
    raw: bool
    """Prompts are tokenised as they are, without template or chat."""
    _lock: Lock = field(default_factory=Lock)
    """A tokenizer is not for two threads at once: one that learns, one that takes events in."""

    @classmethod
    def of(cls, cell: Cell, raw: bool) -> "Wording":
        """As `tunegrid generate` writes prompts. Raises `ConfigError` for a template that one text cannot fill."""
        if not raw:
            only_column(cell)
        return cls(cell, fitted_prompt(cell), cell.run.prompt.encoder(cell.run.model.load_tokenizer()), raw)

    def prompt_ids(self, prompt: str) -> Tensor:
        """(p,) int64."""
        with self._lock:
            text = prompt if self.raw else prompt_text(prompt, self.cell, self.prompt, self.encoder)
            return torch.tensor(self.encoder.ids([text], Side.prompt)[0])

    def row(self, prompt: str, response: str) -> Row:
        """A response that ends."""
        asked = self.prompt_ids(prompt)
        with self._lock:
            return Row(asked, torch.tensor(self.encoder.ids([response], Side.completion)[0]))

    def check(self, event: Event) -> None:
        """Raise `RecordError` for an event that does not fit the model's positions."""
        room = positions(self.cell.run.model)
        for response in (event.response, event.text):
            row = None if response is None else self.row(event.prompt, response)
            if row is not None and room is not None and len(row.prompt) + len(row.completion) > room:
                length = len(row.prompt) + len(row.completion)
                raise RecordError(f"id {event.id!r}: {length} tokens, and the model reads {room}; shorten it")

    def text(self, completion: Tensor) -> str:
        """A response without special tokens."""
        with self._lock:
            return str(self.encoder.tokenizer.decode(completion.tolist(), skip_special_tokens=True)).strip()

    def own_prompts(self) -> Sequence[str]:
        """The prompts that the cell was trained on, each once."""
        run = self.cell.run
        examples = run.data.splits().train
        if self.raw:
            return list(dict.fromkeys(self.encoder.text(self.prompt.turns(run.data.template, one)) for one in examples))
        column = only_column(self.cell)
        return list(dict.fromkeys(one.fields[column] for one in examples))
