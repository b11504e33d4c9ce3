"""What a model is asked, turn by turn, and the model that is asked. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tunegrid.data import Turn

Conversation = tuple[Turn, ...]
"""Everything said so far; the last turn is not the assistant's."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The assistant's turn."""

    text: str
    ended: bool
    """Whether the model came to an end; otherwise it was cut."""


class Speaker(Protocol):
    """A model that converses."""

    def replies(self, conversations: Sequence[Conversation], seeds: Sequence[int]) -> list[Reply]:
        """The assistant's next turn in each conversation; of its own seed alone, whatever stands beside it."""

    def log_likelihoods(self, conversations: Sequence[Conversation], replies: Sequence[str]) -> np.ndarray:
        """(conversations, replies) float64, in nats: how likely each of a few replies is as each's next turn."""


def then(conversation: Conversation, reply: Reply, request: str) -> Conversation:
    """The conversation after the assistant's reply and what it is asked next."""
    return (*conversation, Turn("assistant", reply.text), Turn("user", request))
