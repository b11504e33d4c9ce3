"""`reward=none`: nobody judges."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import schema
from tunegrid.errors import ConfigError
from tunegrid.reward import Judge, Reward

if TYPE_CHECKING:
    from torch import device
    from transformers import PreTrainedTokenizerBase


@schema("reward", "none")
@dataclass(kw_only=True, slots=True)
class NoReward(Reward):
    """For runs without a judge."""

    def fingerprint(self) -> str | None:
        return None

    def judge(self, tokenizer: "PreTrainedTokenizerBase", device: "device") -> Judge:
        raise ConfigError("reward=none judges nothing; choose another, `tunegrid list reward` shows them")
