"""The share of answers that equal one of their references, white space at the ends apart."""

from collections.abc import Sequence

import numpy as np


def statistics(answers: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """(instances, 2): 1 where the answer is right else 0, and 1."""
    right = [
        answer.strip() in {reference.strip() for reference in several}
        for answer, several in zip(answers, references, strict=True)
    ]
    return np.array([[float(hit), 1.0] for hit in right], dtype=np.float64).reshape(len(right), 2)
