"""Metrics for summaries, as the tables of FLAN-T5 and of dialogue summarisation report them."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from tunegrid.config import require, schema
from tunegrid.errors import ConfigError
from tunegrid.metrics import Metrics, Score, Unavailable, check_pairs, rouge
from tunegrid.metrics.encoder import check_name, load_encoder


@schema("metrics", "summarisation")
@dataclass(kw_only=True, slots=True)
class Summarisation(Metrics):
    """rouge1, rouge2, rougeL and rougeLsum (F1 in 0 … 1), and with an encoder BERTScore (F1 in −1 … 1)."""

    stemmed: bool
    """Whether words are cut to their stems, as most papers do; needs NLTK."""
    encoder: str | None
    """A model's folder, or a hub id as owner/name@revision; null: no BERTScore."""
    encoder_layer: int | None
    """Which layer's embeddings are compared, from 1; null: the last."""

    def __post_init__(self) -> None:
        if self.stemmed and find_spec("nltk") is None:
            way_out = "pip install 'tunegrid[rouge]', or metrics.stemmed=false"
            raise ConfigError(f"metrics.stemmed=true needs the package nltk; {way_out}")
        if self.encoder is not None:
            check_name(self.encoder, "metrics.encoder")
        layer = self.encoder_layer
        require(layer is None or layer >= 1, "metrics.encoder_layer", "be at least 1, or null for the last", layer)

    def score(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
        """Score `answers[i]` against every one of `references[i]`."""
        check_pairs(answers, references)
        split = rouge.tokenize_stemmed if self.stemmed else rouge.tokenize
        overlaps = rouge.statistics(answers, references, ("rouge1", "rouge2", "rougeL", "rougeLsum"), split)
        scores: list[Score | Unavailable] = [Score(name, statistics) for name, statistics in overlaps.items()]
        return scores if self.encoder is None else [*scores, self._bert_score(answers, references, self.encoder)]

    def _bert_score(
        self, answers: Sequence[str], references: Sequence[Sequence[str]], name: str
    ) -> Score | Unavailable:
        from tunegrid.metrics.bert_score import statistics

        try:
            encoder = load_encoder(name, "AutoModel")
        except ConfigError as error:
            return Unavailable("BERTScore", str(error))
        layers = encoder.model.config.num_hidden_layers
        if self.encoder_layer is not None and self.encoder_layer > layers:
            return Unavailable("BERTScore", f"{name} has {layers} layers; set metrics.encoder_layer to one of them")
        return Score("BERTScore", statistics(answers, references, encoder, self.encoder_layer))
