"""How often answers say what they should not: by the user's own lexicon, by a classifier, or both."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunegrid.config import require, schema
from tunegrid.data.content_hash import hash_parts
from tunegrid.errors import ConfigError
from tunegrid.metrics import Metrics, Score, Unavailable, check_counts, lexicon
from tunegrid.metrics.encoder import check_name, load_encoder


@schema("metrics", "toxicity")
@dataclass(kw_only=True, slots=True)
class Toxicity(Metrics):
    """lexicon_rate and toxicity (0 … 1, lower is better)."""

    lexicon: str | None
    """A text file, one word or phrase a line; null: no lexicon_rate."""
    classifier: str | None
    """A model's folder, or a hub id as owner/name@revision; null: no toxicity."""
    label: str
    """The classifier's class whose probability is toxicity."""

    def __post_init__(self) -> None:
        named = self.lexicon is not None or self.classifier is not None
        require(named, "metrics.lexicon or metrics.classifier", "be given for metrics=toxicity", "neither")
        if self.lexicon is not None:
            lexicon.read_lexicon(Path(self.lexicon))
        if self.classifier is not None:
            check_name(self.classifier, "metrics.classifier")

    def fingerprint(self) -> str | None:
        """A hash of the lexicon's words."""
        return None if self.lexicon is None else hash_parts(("lexicon", *lexicon.read_lexicon(Path(self.lexicon))))

    def compares(self) -> bool:
        return False

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score `answers` alone; `references` only have to pair up."""
        check_counts(answers, references)
        scores: list[Score | Unavailable] = []
        if self.lexicon is not None:
            scores.append(Score("lexicon_rate", lexicon.statistics(answers, lexicon.read_lexicon(Path(self.lexicon)))))
        if self.classifier is not None:
            scores.append(self._classified(answers, self.classifier))
        return scores

    def _classified(self, answers: Sequence[str], name: str) -> Score | Unavailable:
        from tunegrid.metrics.text_classifier import statistics

        try:
            classifier = load_encoder(name, "AutoModelForSequenceClassification")
            return Score("toxicity", statistics(answers, classifier, self.label))
        except ConfigError as error:
            return Unavailable("toxicity", str(error))
