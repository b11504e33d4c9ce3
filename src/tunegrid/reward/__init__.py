"""What judges a response that a model has written."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase


class Judge(ABC):
    """A reward at work."""

    @abstractmethod
    def scores(self, prompts: "Sequence[Tensor]", responses: "Sequence[Tensor]") -> list[float]:
        """A score for each response (r,), its end token included, to its prompt (p,): the policy's token ids."""


@dataclass(kw_only=True, slots=True)
class Reward(ABC):
    """A source of scores for responses."""

    @abstractmethod
    def fingerprint(self) -> str | None:
        """A hash of what the scores depend on outside the config: files, other cells; None where nothing is judged.

        Raises `UserError` where they cannot be reached. Imports no torch.
        """

    @abstractmethod
    def judge(self, tokenizer: "PreTrainedTokenizerBase", device: "torch.device") -> Judge:
        """What judges responses written in this tokenizer's tokens. Raises `UserError` where it cannot."""
