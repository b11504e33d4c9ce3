"""What training changed beside its task: perplexity of general text, accuracy on held-out items, before and after."""

from dataclasses import dataclass

import numpy as np

from tunegrid.metrics import Score


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a model makes of general text and of held-out items, item by item."""

    text: np.ndarray
    """(passages, 2): a passage's summed negative log-likelihood in nats, its predicted tokens."""
    choices: np.ndarray
    """(items, 3): `multiple_choice.statistics`."""


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """The same passages and items in the same order, before training and after it."""

    before: Remembered
    """By the base alone."""
    after: Remembered
    tasks: tuple[str, ...]
    """The kind of each item."""


def forgetting_scores(asked: BeforeAfter) -> list[Score]:
    """What is left, and by how much it changed."""
    before, after = asked.before, asked.after
    right, was_right = after.choices[:, 1], before.choices[:, 1]
    return [
        Score("general_perplexity", after.text),
        Score("perplexity_change", np.column_stack([after.text[:, 0], before.text])),
        Score("held_out_accuracy", after.choices),
        Score("held_out_change", np.column_stack([right - was_right, np.ones(len(right))])),
    ]


def perplexity_change(sums: np.ndarray) -> np.ndarray:
    """Perplexity after minus before, from sums of nats after, nats before and tokens: (..., 3) to (...)."""
    after, before, tokens = (sums[..., place] for place in range(3))
    return np.exp(after / tokens) - np.exp(before / tokens)
