"""Translation edit rate (Snover et al. 2006), in percent, as sacrebleu computes it: lower is better."""

from collections.abc import Sequence

import numpy as np


def statistics(answers: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """(instances, 2): edits to the nearest reference, and the references' mean length in words."""
    from sacrebleu.metrics import TER

    scorer = TER()
    scores = [scorer.sentence_score(answer, list(several)) for answer, several in zip(answers, references, strict=True)]
    return np.array([[score.num_edits, score.ref_length] for score in scores], dtype=np.float64).reshape(len(scores), 2)


def combine(sums: np.ndarray) -> np.ndarray:
    """TER in percent from (weighted) sums of `statistics`: (..., 2) to (...); 100 for words where none should be."""
    edits, length = sums[..., 0], sums[..., 1]
    return np.where(length > 0, 100 * edits / np.where(length > 0, length, 1.0), 100.0 * (edits > 0))
