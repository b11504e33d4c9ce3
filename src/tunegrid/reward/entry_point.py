"""`reward=entry_point`: a function of an installed Python package."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from tunegrid.config import schema
from tunegrid.data.content_hash import hash_parts
from tunegrid.errors import ConfigError, unknown
from tunegrid.reward import Judge, Reward

if TYPE_CHECKING:
    from torch import device
    from transformers import PreTrainedTokenizerBase

GROUP = "tunegrid.rewards"
"""Under which a package's metadata names its functions: `(prompts, responses) -> scores`, all sequences."""

Scores = Callable[[Sequence[str], Sequence[str]], Sequence[float]]


@schema("reward", "entry_point")
@dataclass(kw_only=True, slots=True)
class EntryPointReward(Reward):
    """Only what a package has declared can be named here: no config makes tunegrid run other code."""

    name: str
    """Of the entry point."""

    def fingerprint(self) -> str | None:
        found = self._found()
        return hash_parts(("entry_point", self.name, found.dist.version if found.dist else None))

    def judge(self, tokenizer: "PreTrainedTokenizerBase", device: "device") -> Judge:
        from tunegrid.reward.text_judge import TextJudge

        of_texts: Scores = self._found().load()
        return TextJudge(tokenizer, of_texts)

    def _found(self) -> EntryPoint:
        declared = {point.name: point for point in entry_points(group=GROUP)}
        if self.name not in declared:
            raise ConfigError(f"reward.name: {unknown(f'entry point of {GROUP}', self.name, list(declared))}")
        return declared[self.name]
