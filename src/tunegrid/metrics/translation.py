"""Metrics for translations and other rewritings, all from sacrebleu."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tunegrid.config import require, schema
from tunegrid.metrics import Metrics, Score, Unavailable, check_pairs, chrf, sacre_bleu, ter


class Words(Enum):
    """What BLEU takes for words: sacrebleu's tokenizers; OmegaConf reads enums by name."""

    mteval = "13a"
    """mteval-v13a's, sacrebleu's default."""
    international = "intl"
    """mteval-v14's, which knows the punctuation of other scripts."""
    whitespace = "none"
    """The text is tokenised already."""
    characters = "char"
    chinese = "zh"


@schema("metrics", "translation")
@dataclass(kw_only=True, slots=True)
class Translation(Metrics):
    """SacreBLEU and chrF or chrF++ (0 … 100), TER (in percent, lower is better)."""

    words: Words
    """mteval, international, whitespace, characters or chinese: what BLEU takes for words."""
    chrf_word_order: int
    """0: chrF; 2: chrF++."""

    def __post_init__(self) -> None:
        require(self.chrf_word_order in (0, 2), "metrics.chrf_word_order", "be 0 or 2", self.chrf_word_order)

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score `answers[i]` against every one of `references[i]`."""
        check_pairs(answers, references)
        return [
            Score("SacreBLEU", sacre_bleu.statistics(answers, references, self.words.value)),
            Score(
                "chrF++" if self.chrf_word_order else "chrF", chrf.statistics(answers, references, self.chrf_word_order)
            ),
            Score("TER", ter.statistics(answers, references)),
        ]
