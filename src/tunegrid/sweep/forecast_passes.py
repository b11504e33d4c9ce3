"""The passes that a pack's steps will be cut into, from the lengths of its rows alone. Imports no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tunegrid.cell.cell import Cell
from tunegrid.data.row_lengths import RowLengths
from tunegrid.method.virtual_tokens import VirtualTokens
from tunegrid.model.activations import FUSED_FROM
from tunegrid.objective.cut import cut
from tunegrid.objective.row_order import rows_of_step
from tunegrid.objective.sft import Sft
from tunegrid.sweep.options import PackMode

STEPS = 64
"""Steps that are looked at, from the first on: which rows a step has is a function of its number."""


@dataclass(slots=True)
class Pass:
    """Rows that go through the model at once."""

    tokens: dict[int, int] = field(default_factory=dict)
    """By the place of the cell in its pack."""
    rows: int = 0
    longest: int = 0
    """Tokens of the longest row."""
    longest_prompt: int = 0
    longest_completion: int = 0
    labels: int = 0

    @property
    def size(self) -> int:
        """Tokens of all cells."""
        return sum(self.tokens.values())

    def add(self, cell: int, prompt: int, completion: int) -> None:
        """Put a row of a cell into the pass."""
        tokens = prompt + completion - 1
        self.tokens[cell] = self.tokens.get(cell, 0) + tokens
        self.rows += 1
        self.longest = max(self.longest, tokens)
        self.longest_prompt = max(self.longest_prompt, prompt)
        self.longest_completion = max(self.longest_completion, completion)
        self.labels += completion


MEASURES: tuple[Callable[[Pass], int], ...] = (
    lambda it: it.size,
    lambda it: it.rows * it.longest,
    lambda it: it.rows * it.longest**2 if it.longest < FUSED_FROM else 0,
    lambda it: it.rows * it.longest_completion,
    lambda it: it.labels,
)
"""What memory grows with: the pass that takes most is first in one of them."""


@dataclass(frozen=True, slots=True)
class Passes:
    """The passes of a pack."""

    largest: list[Pass]
    """Those of which one takes most memory."""
    per_step: int
    """The fewest that a step is cut into."""


def training_passes(cells: Sequence[Cell], lengths: RowLengths) -> Passes:
    """The passes of the first steps of those cells that train; at least one cell does."""
    steps = min(STEPS, max(objective_of(cell).steps for cell in cells))
    largest: list[Pass] = []
    per_step = []
    for step in range(steps):
        found = _cut(cells, [_rows(cell, step, lengths) for cell in cells], lengths)
        per_step.append(len(found))
        largest = _largest([*largest, *found])
    return Passes(largest, min(per_step))


def validation_pass(cell: Cell, rows: int, lengths: RowLengths) -> Pass:
    """A pass over the first `rows` rows, as validation has them."""
    return _largest(_cut([cell], [[index % len(lengths.prompts) for index in range(rows)]], lengths))[0]


def _largest(found: Sequence[Pass]) -> list[Pass]:
    chosen = {id(best): best for best in (max(found, key=measure) for measure in MEASURES)}
    return list(chosen.values())


def objective_of(cell: Cell) -> Sft:
    """The cell's objective, of the one kind that forecasts know."""
    assert isinstance(cell.run.objective, Sft)
    return cell.run.objective


def _rows(cell: Cell, step: int, lengths: RowLengths) -> list[int]:
    objective = objective_of(cell)
    if step >= objective.steps:
        return []
    drawn = rows_of_step(cell.run.seed, step, objective.batch_size, lengths.total)
    return [index % len(lengths.prompts) for index in drawn]  # of a sample, where the lengths are estimated


def _cut(cells: Sequence[Cell], rows: Sequence[Sequence[int]], lengths: RowLengths) -> list[Pass]:
    """The passes of a step; `rows` are the indices of each cell's."""
    limit, strict = cells[0].run.hardware.tokens_per_pass, cells[0].run.sweep.pack is PackMode.strict
    sides = [[(int(lengths.prompts[index]), int(lengths.completions[index])) for index in own] for own in rows]
    found = []
    for pieces in cut([[prompt + completion - 1 for prompt, completion in own] for own in sides], limit, strict):
        found.append(Pass())
        for piece in pieces:
            for prompt, completion in sides[piece.cell][piece.rows]:
                found[-1].add(piece.cell, _virtual_tokens(cells[piece.cell]) + prompt, completion)
    return found


def _virtual_tokens(cell: Cell) -> int:
    """In front of each of its rows; a step is cut before they are put there."""
    return cell.run.method.tokens if isinstance(cell.run.method, VirtualTokens) else 0
