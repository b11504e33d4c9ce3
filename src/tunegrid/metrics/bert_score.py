"""BERTScore (Zhang et al. 2020): F1 of the best-matching contextual embeddings of tokens. Imports torch.

Without idf weights and without rescaling by a baseline. Tokens that the tokenizer adds can be matched, but don't count.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from tunegrid.metrics.encoder import ROWS, Encoder


@dataclass(frozen=True, slots=True)
class Embedded:
    """One text's tokens."""

    directions: torch.Tensor
    """(tokens, width), of length 1."""
    counted: torch.Tensor
    """(tokens,) bool: false for tokens that the tokenizer added."""


def statistics(
    answers: Sequence[str], references: Sequence[Sequence[str]], encoder: Encoder, layer: int | None
) -> np.ndarray:
    """(instances, 2): the best F1 with any reference, in −1 … 1, and 1. `layer`: from 1; None: the last."""
    texts = {*answers, *(reference for several in references for reference in several)}
    known = dict(_embedded(sorted(texts, key=lambda text: (len(text), text)), encoder, layer))
    rows = [
        [max(f1(known[answer], known[reference]) for reference in several), 1.0]
        for answer, several in zip(answers, references, strict=True)
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 2)


def f1(answer: Embedded, reference: Embedded) -> float:
    """F1 of the mean best cosine of the answer's tokens and of the reference's; 0 where one has no tokens."""
    if not answer.counted.any() or not reference.counted.any():
        return 0.0
    cosines = answer.directions @ reference.directions.T
    precision = float(cosines.amax(dim=1)[answer.counted].mean())
    recall = float(cosines.amax(dim=0)[reference.counted].mean())
    return 2 * precision * recall / (precision + recall)


@torch.inference_mode()
def _embedded(texts: list[str], encoder: Encoder, layer: int | None) -> Iterator[tuple[str, Embedded]]:
    for start in range(0, len(texts), ROWS):
        tokens = encoder.tokens(texts[start : start + ROWS])
        special = tokens.pop("special_tokens_mask").bool()
        states = encoder.model(**tokens, output_hidden_states=True).hidden_states[-1 if layer is None else layer]
        directions = torch.nn.functional.normalize(states, dim=-1)
        lengths = tokens["attention_mask"].sum(dim=1)
        for row, text in enumerate(texts[start : start + ROWS]):
            own = slice(0, int(lengths[row]))
            yield text, Embedded(directions[row, own], ~special[row, own])
