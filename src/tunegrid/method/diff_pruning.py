"""Diff pruning: a learned sparse difference to the frozen weights (Guo et al. 2020, arXiv 2012.07463)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.method import Alone, Method
from tunegrid.model.count import adapted
from tunegrid.model.footprint import Footprint, Kept, total
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from tunegrid.adaptation import Adaptation


@schema("method", "diff_pruning")
@dataclass(kw_only=True, slots=True)
class DiffPruning(Method):
    """Trains two numbers for each weight: a difference, and the log-odds that it is used."""

    targets: list[str]
    """As for LoRA: roles or last names of linear layers, or [all-linear]."""
    log_odds: float
    """Of each gate at the start; high is open."""
    structured: bool
    """One more gate for each matrix as a whole."""
    strength: float
    """Of the penalty: it is added to the loss times the expected share of open gates."""
    gate_rate_ratio: float
    """How many times the differences' learning rate the gates' is."""

    def __post_init__(self) -> None:
        require(bool(self.targets), "method.targets", "name at least one layer", self.targets)
        require(self.strength >= 0, "method.strength", "be at least 0", self.strength)
        require(self.gate_rate_ratio > 0, "method.gate_rate_ratio", "be above 0", self.gate_rate_ratio)

    def pack_family(self) -> str | Alone:
        return Alone("its difference is as large as the model")

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        layers = adapted(modules, self.targets)
        weights = total(layers, lambda i, o: i * o)
        return Footprint(
            trained=2 * weights + (len(layers) if self.structured else 0),
            kept=tuple(Kept(layer, 0) for layer in layers),
            inputs=True,
            whole=5 * weights,  # noise, gates and differences
        )

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.sparse_difference import SparseDifferences

        return SparseDifferences(self.targets, self.log_odds, self.structured, self.strength, self.gate_rate_ratio)
