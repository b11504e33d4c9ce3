"""Beam search: the likeliest whole answer among those a beam of hypotheses reaches."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.sampler import Decoder

if TYPE_CHECKING:
    from transformers import GenerationConfig


@schema("sampler", "beam")
@dataclass(kw_only=True, slots=True)
class Beam(Decoder):
    """Beam search with a length penalty."""

    beams: int
    """Hypotheses kept alive for each prompt."""
    length_penalty: float
    """A finished hypothesis is ranked by log-probability / length^penalty; above 0 favours long answers."""
    no_repeat_ngram: int | None
    """No n-gram of this size twice within an answer (its prompt does not count); null: no such rule."""

    def __post_init__(self) -> None:
        require(self.max_new_tokens >= 1, "sampler.max_new_tokens", "be at least 1", self.max_new_tokens)
        require(self.beams >= 2, "sampler.beams", "be at least 2 (sampler=greedy is the beam of one)", self.beams)
        ngram = self.no_repeat_ngram
        require(ngram is None or ngram >= 1, "sampler.no_repeat_ngram", "be at least 1 or null", ngram)

    def settings(self) -> "GenerationConfig":
        from transformers import GenerationConfig

        return GenerationConfig(
            do_sample=False,
            num_beams=self.beams,
            length_penalty=self.length_penalty,
            early_stopping=False,
            max_new_tokens=self.max_new_tokens,
        )

    def rows_per_prompt(self) -> int:
        return self.beams

    def no_repeat(self) -> int | None:
        return self.no_repeat_ngram
