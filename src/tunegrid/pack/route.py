"""Which share of a batch belongs to which cell. Shares are contiguous, so routing rows to adapters is slicing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor

BASE = "the base alone"
"""The name of a share that no adapter takes part in."""


@dataclass(frozen=True, slots=True)
class Share:
    """A cell's part of a batch."""

    name: str
    """The cell's adapter."""
    units: int
    """How much of the batch is its own: tokens of a flat stream, or rows of a padded batch."""
    generator: "Generator | None" = None
    """Draws the cell's dropout masks; None outside training."""


@dataclass(frozen=True, slots=True)
class Span:
    """A share laid over the flattened rows of one activation."""

    share: Share
    start: int
    stop: int


@dataclass(slots=True)
class Router:
    """Tells every adapted layer of a model how the batch it sees is divided."""

    shares: tuple[Share, ...] = field(default=())
    casts: "dict[int, Tensor] | None" = None
    """Adapter weights in the base's dtype, by the id of the parameter, while they do not change; None in training."""

    def spans(self, rows: int) -> list[Span]:
        """Lay the shares over an activation flattened to (`rows`, features).

        A unit may stand for several rows (the tokens of a padded sequence, the beams of a prompt), for all units alike.
        """
        total = sum(share.units for share in self.shares)
        if not total or rows % total:
            raise ValueError(f"cannot divide {rows} rows of an activation into {total} units of a batch")
        scale = rows // total
        stops = list(accumulate(share.units * scale for share in self.shares))
        return [Span(s, stop - s.units * scale, stop) for s, stop in zip(self.shares, stops, strict=True) if s.units]

    @contextmanager
    def fixed_weights(self) -> Iterator[None]:
        """Cast every adapter weight once inside the `with` block, rather than at every step of decoding."""
        self.casts = {}
        try:
            yield
        finally:
            self.casts = None

    @contextmanager
    def over(self, *shares: Share) -> Iterator[None]:
        """Divide every batch that the model sees inside the `with` block."""
        before, self.shares = self.shares, shares
        try:
            yield
        finally:
            self.shares = before
