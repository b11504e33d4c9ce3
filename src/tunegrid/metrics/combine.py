"""From per-instance statistics to the value in a table, by the metric's name."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tunegrid.errors import ConfigError, unknown
from tunegrid.metrics import (
    Score,
    agreement,
    bleu,
    calibration,
    chrf,
    class_counts,
    correlation,
    forgetting,
    group_gap,
    likelihood,
    meteor_formula,
    multiple_choice,
    multirc,
    nist,
    preference,
    sacre_bleu,
    ter,
)
from tunegrid.metrics.by_task import metric_of

Combine = Callable[[np.ndarray], np.ndarray]
Sums = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Measure:
    """What is known of a metric by its name."""

    combine: Combine
    """(..., k) weighted sums of per-instance statistics to (...) values of the corpus."""
    higher_is_better: bool = True
    sums: Sums = np.matmul
    """(..., n) weights and (n, k) statistics to the sums that `combine` takes: their product, unless what is summed
    depends on the whole sample, as ranks do."""

    def values(self, weights: np.ndarray, statistics: np.ndarray) -> np.ndarray:
        """The corpus value under each weighting of the instances: (..., n) and (n, k) to (...)."""
        return self.combine(self.sums(weights, statistics))


def mean(sums: np.ndarray) -> np.ndarray:
    """Average per-instance values from sums of (value, 1): (..., 2) to (...); nan where there is nothing to average."""
    total, count = sums[..., 0], sums[..., 1]
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


MEASURES = {
    "BLEU": Measure(bleu.combine),
    "NIST": Measure(nist.combine),
    "METEOR": Measure(meteor_formula.combine),
    "ROUGE_L": Measure(mean),
    "CIDEr": Measure(mean),
    "CIDEr_plain": Measure(mean),
    "SacreBLEU": Measure(sacre_bleu.combine),
    "rouge1": Measure(mean),
    "rouge2": Measure(mean),
    "rougeL": Measure(mean),
    "rougeLsum": Measure(mean),
    "BERTScore": Measure(mean),
    "chrF": Measure(chrf.combine),
    "chrF++": Measure(chrf.combine),
    "TER": Measure(ter.combine, higher_is_better=False),
    "exact_match": Measure(mean),
    "accuracy": Measure(mean),
    "macro_f1": Measure(class_counts.macro_f1),
    "matthews": Measure(class_counts.matthews),
    "kappa": Measure(class_counts.kappa),
    "alpha_nominal": Measure(agreement.nominal_alpha),
    "alpha_ordinal": Measure(agreement.ordinal_alpha),
    "alpha_interval": Measure(agreement.interval_alpha),
    "pearson": Measure(correlation.correlation, sums=correlation.moments),
    "spearman": Measure(correlation.correlation, sums=correlation.rank_moments),
    "number_rate": Measure(mean),
    "f1a": Measure(multirc.f1),
    "question_exact": Measure(mean),
    "squad_exact": Measure(mean),
    "squad_f1": Measure(mean),
    "distinct1": Measure(mean),
    "distinct2": Measure(mean),
    "distinct3": Measure(mean),
    "self_bleu": Measure(mean, higher_is_better=False),
    "lexicon_rate": Measure(mean, higher_is_better=False),
    "toxicity": Measure(mean, higher_is_better=False),
    "refused_unsafe": Measure(mean),
    "refused_safe": Measure(mean, higher_is_better=False),
    "acc": Measure(mean),
    "acc_norm": Measure(mean),
    "acc_gap": Measure(group_gap.gap, higher_is_better=False),
    "ECE": Measure(calibration.expected_error, higher_is_better=False),
    "Brier": Measure(mean, higher_is_better=False),
    "strict_accuracy": Measure(mean),
    "flexible_accuracy": Measure(mean),
    "first_accuracy": Measure(mean),
    "val_loss": Measure(likelihood.val_loss, higher_is_better=False),
    "perplexity": Measure(likelihood.perplexity, higher_is_better=False),
    "general_perplexity": Measure(likelihood.perplexity, higher_is_better=False),
    "perplexity_change": Measure(forgetting.perplexity_change, higher_is_better=False),
    "held_out_accuracy": Measure(multiple_choice.normalised_accuracy),
    "held_out_change": Measure(mean),
    "reward": Measure(mean),
    "answer_score": Measure(mean),
    "kl": Measure(mean, higher_is_better=False),
    "pair_accuracy": Measure(mean),
    "pairs": Measure(mean),
    "pair_agreement": Measure(mean),
    "draft_score": Measure(mean),
    "revision_score": Measure(mean),
    "revision_change": Measure(mean),
    "revision_preferred": Measure(mean),
    "order_agreement": Measure(mean),
    "revision_kept": Measure(mean),
    "pair_calibration_error": Measure(preference.calibration_error, higher_is_better=False),
}


def measure(name: str) -> Measure:
    """Look up the metric called `name`, of one task or of all. Raises `ConfigError` naming the known ones."""
    metric = metric_of(name)
    if metric not in MEASURES:
        raise ConfigError(unknown("metric", metric, MEASURES))
    return MEASURES[metric]


def corpus_value(score: Score) -> float:
    """Compute the metric on all instances of `score`, each with weight 1."""
    return float(measure(score.name).values(np.ones(len(score.statistics)), score.statistics))
