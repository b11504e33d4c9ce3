"""The five metrics of the E2E NLG challenge, on the scales of its official scorer (BLEU in 0 … 1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tunegrid.config import schema
from tunegrid.metrics import (
    Metrics,
    Score,
    Unavailable,
    bleu,
    check_pairs,
    cider,
    meteor,
    nist,
    ptb,
    rouge_l,
    tokenize_13a,
)


class Mteval(Enum):
    """Which of the official scorer's two implementations of BLEU and NIST to follow; OmegaConf reads enums by name."""

    perl = "perl"
    """mteval-v13a.pl, the scorer's default and that of the challenge's tables."""
    python = "python"
    """The scorer's flag `-p`: the same BLEU, another mean reference length in NIST's penalty."""


@schema("metrics", "e2e")
@dataclass(kw_only=True, slots=True)
class E2e(Metrics):
    """BLEU, NIST, METEOR, ROUGE_L and CIDEr as the E2E scorer computes them."""

    mteval: Mteval
    """`perl` or `python`."""
    meteor: bool
    """Whether to run METEOR, which needs Java, 2 GB of memory and some 7 seconds to start."""

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score `answers[i]` against every one of `references[i]`."""
        check_pairs(answers, references)
        captions = [ptb.tokenize(answer) for answer in answers]
        caption_references = [[ptb.tokenize(reference) for reference in several] for several in references]
        return [
            *self._mteval(answers, references),
            self._meteor(captions, caption_references),
            Score("ROUGE_L", rouge_l.statistics(captions, caption_references)),
            Score("CIDEr", cider.statistics(captions, caption_references, penalised=True)),
        ]

    def _mteval(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score]:
        perl = self.mteval is Mteval.perl
        split = tokenize_13a.tokenize if perl else tokenize_13a.tokenize_unicode_lower
        tokens = [split(answer.strip()) for answer in answers]
        reference_tokens = [[split(reference.strip()) for reference in several] for several in references]
        return [
            Score("BLEU", bleu.statistics(tokens, reference_tokens, smoothed=perl)),
            Score("NIST", nist.statistics(tokens, reference_tokens, pool_references=perl)),
        ]

    def _meteor(
        self, captions: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]
    ) -> Score | Unavailable:
        if not self.meteor:
            return Unavailable("METEOR", "switched off by metrics.meteor=false")
        return meteor.score(captions, references)
