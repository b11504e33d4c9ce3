"""CIDEr (Vedantam et al. 2015): cosine of tf-idf vectors of n-grams, averaged over n = 1 … 4 and references, times 10.

The COCO caption scorer's, and so the E2E scorer's, is the variant that the paper calls CIDEr-D: weights are clipped to
the reference's, and there is a Gaussian penalty on the difference in length (σ = 6), counted in bigrams.
"""

from collections.abc import Sequence

import numpy as np

from tunegrid.metrics.ngram_table import NgramTable, looked_up, ngram_tables

LONGEST = 4
_TWO_SIGMA_SQUARED = 2 * 6.0**2


def statistics(
    answers: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]], *, penalised: bool
) -> np.ndarray:
    """(instances, 2): the score of an instance (0 … 10) and 1; the corpus value is their mean.

    `penalised`: CIDEr-D, else CIDEr. The document frequencies come from the references of all instances, so they stay
    fixed under resampling.
    """
    several = np.array([len(own) for own in references], dtype=np.int64)
    owners = np.repeat(np.arange(len(answers)), several)  # (references,)
    similarity = np.zeros(len(owners))
    for table in ngram_tables(answers, references, LONGEST):
        similarity += _cosines(table, owners, penalised) / LONGEST
    if penalised:
        lengths = np.array([max(len(answer) - 1, 0) for answer in answers])
        differences = lengths[owners] - [max(len(reference) - 1, 0) for own in references for reference in own]
        similarity *= np.exp(-(differences**2) / _TWO_SIGMA_SQUARED)
    scores = 10 * np.bincount(owners, similarity, minlength=len(answers)) / several
    return np.stack([scores, np.ones(len(answers))], axis=-1)


def _cosines(table: NgramTable, owners: np.ndarray, penalised: bool) -> np.ndarray:
    """Cosine of each reference's tf-idf vector with its instance's answer's: (references,); 0 where one is empty."""
    weights = table.counts * _rarity(table)[table.grams]
    norms = np.sqrt(np.bincount(table.texts, weights**2, minlength=len(table.instances)))
    ours, theirs = table.of_answers, table.of_references
    of_answer = looked_up(table.keys(ours), weights[ours], table.keys(theirs))  # (entries of references,)
    matched = np.minimum(of_answer, weights[theirs]) if penalised else of_answer
    places = table.texts[theirs] - table.answers
    products = np.bincount(places, matched * weights[theirs], minlength=len(owners))
    scale = norms[owners] * norms[table.answers :]
    return np.divide(products, scale, out=np.zeros(len(owners)), where=scale > 0)


def _rarity(table: NgramTable) -> np.ndarray:
    """(n-grams,) logarithm of all instances over those that have it in a reference, or over 1 where none has."""
    keys, _ = table.most_in_references()
    documents = np.bincount(keys % len(table.prefixes), minlength=len(table.prefixes)) if len(keys) else 0
    rarity: np.ndarray = np.log(max(table.answers, 1)) - np.log(np.maximum(documents, 1))
    return np.broadcast_to(rarity, table.prefixes.shape)
