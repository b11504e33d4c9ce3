"""Four-bit weights: what they are and how much room they take. Imports no torch."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from math import ceil

from tunegrid.model.shapes import Kind, Shape

BLOCK = 64
"""Weights that share a scale (Dettmers et al. 2023, section 3)."""
FULL_PRECISION = ("wo",)
"""Last names of layers that stay as they are: T5's code casts their input to the type of their weight."""
SCALE_BLOCK = 256
"""Scales that share one of their own where they are quantised too."""


class Code(Enum):
    """Which 16 values a weight may take between -1 and 1 times its block's scale."""

    nf4 = "nf4"
    """4-bit NormalFloat: quantiles of a normal distribution (Dettmers et al. 2023, arXiv 2305.14314)."""
    fp4 = "fp4"
    """Sign, two bits of exponent, one of mantissa."""


@dataclass(frozen=True, slots=True)
class Quantisation:
    """How the linear layers of a frozen base are held."""

    code: Code
    double: bool
    """Whether the scales are quantised to 8 bits too."""
    remembered: bool
    """Whether main memory keeps the weights that were rounded until the cells are attached."""

    def bits_per_weight(self) -> float:
        """Bits of storage, scales included: 4.5, or 4.127 with double quantisation."""
        return 4 + (8 / BLOCK + 32 / (BLOCK * SCALE_BLOCK) if self.double else 32 / BLOCK)

    def bytes(self, modules: Iterable[Shape], other_bytes: int) -> int:
        """Of a whole model, whose parameters outside its linear layers take `other_bytes` each."""
        return sum(self._bytes(module, other_bytes) for module in modules)

    def _bytes(self, module: Shape, other_bytes: int) -> int:
        if module.kind is not Kind.LINEAR or module.last_name in FULL_PRECISION:
            return module.parameters * other_bytes
        return ceil(module.rows * module.columns * self.bits_per_weight() / 8) + module.bias * other_bytes
