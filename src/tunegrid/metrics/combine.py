"""From summed statistics to the value in a table, by the metric's name."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tunegrid.errors import ConfigError, unknown
from tunegrid.metrics import Score, bleu, likelihood, meteor_formula, nist, preference, sacre_bleu

Combine = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Measure:
    """What is known of a metric by its name."""

    combine: Combine
    """(..., k) weighted sums of per-instance statistics to (...) values of the corpus."""
    higher_is_better: bool = True


def mean(sums: np.ndarray) -> np.ndarray:
    """Average per-instance values from sums of (value, 1): (..., 2) to (...)."""
    return sums[..., 0] / sums[..., 1]


MEASURES = {
    "BLEU": Measure(bleu.combine),
    "NIST": Measure(nist.combine),
    "METEOR": Measure(meteor_formula.combine),
    "ROUGE_L": Measure(mean),
    "CIDEr": Measure(mean),
    "SacreBLEU": Measure(sacre_bleu.combine),
    "rouge1": Measure(mean),
    "rouge2": Measure(mean),
    "rougeL": Measure(mean),
    "exact_match": Measure(mean),
    "val_loss": Measure(likelihood.val_loss, higher_is_better=False),
    "perplexity": Measure(likelihood.perplexity, higher_is_better=False),
    "reward": Measure(mean),
    "kl": Measure(mean, higher_is_better=False),
    "pair_accuracy": Measure(mean),
    "pair_calibration_error": Measure(preference.calibration_error, higher_is_better=False),
}


def measure(name: str) -> Measure:
    """Look up the metric called `name`. Raises `ConfigError` naming the known ones."""
    if name not in MEASURES:
        raise ConfigError(unknown("metric", name, MEASURES))
    return MEASURES[name]


def combine(name: str) -> Combine:
    """Return the function from (..., k) weighted sums of `Score.statistics` to (...) corpus values."""
    return measure(name).combine


def corpus_value(score: Score) -> float:
    """Compute the metric on all instances of `score`."""
    return float(combine(score.name)(score.statistics.sum(axis=0)))
