"""Greedy decoding: the likeliest token at every step."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.sampler import Decoder

if TYPE_CHECKING:
    from transformers import GenerationConfig


@schema("sampler", "greedy")
@dataclass(kw_only=True, slots=True)
class Greedy(Decoder):
    """The likeliest token at every step."""

    def __post_init__(self) -> None:
        require(self.max_new_tokens >= 1, "sampler.max_new_tokens", "be at least 1", self.max_new_tokens)

    def settings(self) -> "GenerationConfig":
        from transformers import GenerationConfig

        return GenerationConfig(do_sample=False, num_beams=1, max_new_tokens=self.max_new_tokens)

    def rows_per_prompt(self) -> int:
        return 1

    def no_repeat(self) -> int | None:
        return None
