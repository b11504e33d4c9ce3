"""The model that a policy must stay near: what the cell was before its first step. Imports torch."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import Parameter

from tunegrid.pack.batch import CellRows, Row
from tunegrid.pack.pack import Pack

OFF = "the base alone"
"""A share of this name goes through no adapter."""


class Reference:
    """The base with the adapter off where the cell starts as the base; else a copy of its parameters at the start."""

    def __init__(self, pack: Pack, name: str):
        self._pack, self._name = pack, name
        self._start: dict[str, Tensor] = {}
        if not self._starts_as_base():
            self._start = {key: p.detach().clone() for key, p in self._trained().items()}

    @property
    def copied(self) -> int:
        """Parameters that are held a second time."""
        return sum(copy.numel() for copy in self._start.values())

    @contextmanager
    def in_force(self) -> Iterator[str]:
        """Let the model be the reference inside the block, for rows in a share of the name that this yields."""
        if not self._start:
            yield OFF
            return
        trained = self._trained()
        self._exchange(trained)
        try:
            yield self._name
        finally:
            self._exchange(trained)

    def _exchange(self, trained: dict[str, Parameter]) -> None:
        for key, parameter in trained.items():
            parameter.data, self._start[key] = self._start[key], parameter.data

    def _trained(self) -> dict[str, Parameter]:
        return self._pack.attached[self._name].trainable()

    def _starts_as_base(self) -> bool:
        """Tried on a row rather than read off the method: an adapter may have been trained before."""
        if any(self._pack.is_of_base(parameter) for parameter in self._trained().values()):
            return False
        with torch.no_grad():
            return torch.equal(self._probe(self._name), self._probe(OFF))

    def _probe(self, name: str) -> Tensor:
        ids = torch.arange(16) % self._pack.base.config.vocab_size
        rows = [Row(ids[:8], ids[8:])]
        own = rows if name == OFF else self._pack.own_rows(name, rows)
        batch = self._pack.forward.collate([CellRows(name, own, None)])
        with self._pack.router.over(*batch.shares):
            return self._pack.forward.states(batch)
