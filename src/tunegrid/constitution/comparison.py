"""Which of two answers obeys a rule better, as the model itself sees it (Bai et al. 2022, section 4.1).

The model reads both answers as options (A) and (B), once in each order, and the likelihoods of these two replies tell:
p = ½ σ(l(A) − l(B)) + ½ σ(l'(B) − l'(A)), where the dash marks the other order. A liking for one letter cancels out.
Imports no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunegrid.constitution.conversation import Conversation, Speaker
from tunegrid.constitution.rules import Rule
from tunegrid.data import Turn
from tunegrid.data.template import render
from tunegrid.data.training_prompts import TrainingPrompt

LETTERS = ("(A)", "(B)")
COLUMNS = ("request", "principle", "first", "second")
"""What the wording of a comparison may use."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Two answers to one request, and the rule that decides."""

    request: TrainingPrompt
    rule: Rule
    first: str
    second: str


def compared(speaker: Speaker, contests: Sequence[Contest], wording: str) -> np.ndarray:
    """(contests, 2) float64: the probability that the first answer is the better one, as option (A) and as (B).

    `wording` is Jinja over `COLUMNS`.
    """
    asked = [_asked(one, pair, wording) for one in contests for pair in _orders(one)]
    of_letters = speaker.log_likelihoods(asked, LETTERS).reshape(len(contests), 2, 2)
    ahead = of_letters[:, :, 0] - of_letters[:, :, 1]  # (contests, orders)
    return sigmoid(ahead * [1.0, -1.0])


def sigmoid(x: np.ndarray) -> np.ndarray:
    """σ(x), for which σ(−x) = 1 − σ(x)."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _orders(one: Contest) -> tuple[tuple[str, str], tuple[str, str]]:
    return (one.first, one.second), (one.second, one.first)


def _asked(one: Contest, pair: tuple[str, str], wording: str) -> Conversation:
    """A conversation of its own, under the system message of the request's where it has one."""
    values = (one.request.text, one.rule.principle, *pair)
    text = render("objective.comparison", wording, dict(zip(COLUMNS, values, strict=True)))
    return (*(turn for turn in one.request.turns if turn.role == "system"), Turn("user", text))
