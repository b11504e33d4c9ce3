"""sacrebleu's corpus BLEU, 0 … 100: case kept, exponential smoothing (its default signature)."""

from collections.abc import Sequence

import numpy as np

LONGEST = 4


def statistics(answers: Sequence[str], references: Sequence[Sequence[str]], tokenizer: str = "13a") -> np.ndarray:
    """(instances, 10): matches for n = 1 … 4, n-grams of the answer for n = 1 … 4, lengths of answer and reference.

    `tokenizer`: one of sacrebleu's names.
    """
    from sacrebleu.metrics import BLEU

    scorer = BLEU(
        effective_order=True, tokenize=tokenizer
    )  # silences a warning about single sentences; the counts don't depend on it
    rows = []
    for answer, several in zip(answers, references, strict=True):
        counted = scorer.sentence_score(answer, list(several))
        rows.append([*counted.counts, *counted.totals, counted.sys_len, counted.ref_len])
    return np.array(rows, dtype=np.float64).reshape(len(rows), 2 * LONGEST + 2)


def combine(sums: np.ndarray) -> np.ndarray:
    """BLEU in 0 … 100 from (weighted) sums of `statistics`: (..., 10) to (...)."""
    matches, totals = sums[..., :LONGEST], sums[..., LONGEST : 2 * LONGEST]
    length, reference_length = sums[..., -2], sums[..., -1]
    unmatched = matches == 0
    counted = np.where(unmatched, 0.5 ** np.cumsum(unmatched, axis=-1), matches)
    log_precision = np.log(counted / np.where(totals > 0, totals, 1.0)).mean(axis=-1)
    log_penalty = np.minimum(0.0, 1 - reference_length / np.where(length > 0, length, 1.0))
    scored = (totals > 0).all(axis=-1) & ~unmatched.all(axis=-1)  # sacrebleu gives 0 to a corpus without 4-grams
    return np.where(scored, 100 * np.exp(log_precision + log_penalty), 0.0)
