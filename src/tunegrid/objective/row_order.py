"""Which training rows a cell sees at which step: a function of its seed and the step alone."""

from functools import lru_cache

import numpy as np

from tunegrid.seeds import stream


def rows_of_step(seed: int, step: int, batch_size: int, total: int) -> list[int]:
    """The `batch_size` row indices of optimiser step `step` (0-based).

    Epochs follow each other without a gap: each is a fresh permutation of all `total` rows.
    """
    places = range(step * batch_size, (step + 1) * batch_size)
    return [int(_permutation(seed, place // total, total)[place % total]) for place in places]


@lru_cache(maxsize=64)
def _permutation(seed: int, epoch: int, total: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(stream(seed, "order", epoch))).permutation(total)
