"""A model whose every word is known: it writes down what it is asked, and answers with what was asked of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tunegrid.constitution.conversation import Conversation, Reply
from tunegrid.constitution.rules import Rule
from tunegrid.data import Turn
from tunegrid.data.training_prompts import TrainingPrompt

RULES = tuple(Rule(name, f"criticise {name}", f"revise {name}", f"which is more {name}") for name in ("a", "b", "c"))


def request(name: str) -> TrainingPrompt:
    return TrainingPrompt(name, f"ask {name}", (), (Turn("system", "be brief"), Turn("user", f"ask {name}")))


def flat(conversation: Conversation) -> str:
    return " | ".join(f"{turn.role[0]}: {turn.content}" for turn in conversation)


@dataclass
class Scripted:
    """Replies with the last turn in brackets; likes option (A) by `letter` and an answer by its `worth`, in nats."""

    worth: Mapping[str, float] = field(default_factory=dict)
    letter: float = 0.0
    asked: list[list[str]] = field(default_factory=list)
    seeds: list[list[int]] = field(default_factory=list)

    def replies(self, conversations: Sequence[Conversation], seeds: Sequence[int]) -> list[Reply]:
        self.asked.append([flat(conversation) for conversation in conversations])
        self.seeds.append(list(seeds))
        return [Reply(f"[{conversation[-1].content}]", True) for conversation in conversations]

    def log_likelihoods(self, conversations: Sequence[Conversation], replies: Sequence[str]) -> np.ndarray:
        assert list(replies) == ["(A)", "(B)"]
        self.asked.append([flat(conversation) for conversation in conversations])
        options = [conversation[-1].content.split("\n")[-2:] for conversation in conversations]
        worths = np.array([[self.worth[option[4:]] for option in pair] for pair in options])
        return worths + np.array([self.letter, 0.0]) - 5.0
