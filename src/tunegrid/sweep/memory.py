"""What to do when a pack has run out of memory: smaller packs, then smaller passes. Imports no torch."""

import gc
import sys
from collections.abc import Sequence
from dataclasses import replace

from tunegrid.cell.cell import Cell

LEAST_TOKENS = 32
"""A pass is not made smaller than this: what is short of memory then is not the activations."""

MESSAGES = ("can't allocate memory", "not enough memory", "out of memory")
"""How torch's CPU allocator, and CUDA's libraries, say it in a plain RuntimeError."""


def out_of_memory(error: Exception) -> bool:
    """Whether this is the way an allocation fails; told by name and words, because asking torch would import it."""
    named = type(error).__name__ in ("OutOfMemoryError", "MemoryError")
    return named or (isinstance(error, RuntimeError) and any(words in str(error) for words in MESSAGES))


def with_less(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The same cells in a way that takes less memory at once; [] where there is none left.

    Two packs instead of one; a cell alone with half the tokens and half the decoded rows in a pass. Neither changes a
    step's rows: the effective batch stays.
    """
    if len(cells) > 1:
        half = (len(cells) + 1) // 2
        return [list(cells[:half]), list(cells[half:])]
    cell = cells[0]
    hardware = cell.run.hardware
    if hardware.tokens_per_pass // 2 < LEAST_TOKENS:
        return []
    smaller = replace(
        hardware,
        tokens_per_pass=hardware.tokens_per_pass // 2,
        generation_rows=max(1, hardware.generation_rows // 2),
    )
    return [[cell.on(smaller)]]


def described(cells: Sequence[Cell]) -> str:
    """How the cells were run when memory ran out."""
    alone = f"with {cells[0].run.hardware.tokens_per_pass} tokens a pass"
    return f"as a pack of {len(cells)}" if len(cells) > 1 else alone


def free() -> None:
    """Give back what a failed attempt held; call it when its exception is gone."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
