"""How likely a classifier finds each answer to be of one class. Imports torch."""

from collections.abc import Sequence

import numpy as np
import torch

from tunegrid.errors import ConfigError, unknown
from tunegrid.metrics.encoder import ROWS, Encoder


@torch.inference_mode()
def statistics(answers: Sequence[str], classifier: Encoder, label: str) -> np.ndarray:
    """(instances, 2): the probability of `label` in 0 … 1, and 1.

    By sigmoid where the model's config says that an answer can be of several classes, else by softmax. Raises
    `ConfigError` for a label it does not have.
    """
    config = classifier.model.config
    places = {str(name): place for place, name in (config.id2label or {}).items()}
    if label not in places:
        raise ConfigError(unknown("label", label, places))
    rows = []
    for start in range(0, len(answers), ROWS):
        tokens = classifier.tokens(list(answers[start : start + ROWS]))
        tokens.pop("special_tokens_mask")
        logits = classifier.model(**tokens).logits  # (rows, classes)
        several = config.problem_type == "multi_label_classification"
        rows.append((logits.sigmoid() if several else logits.softmax(dim=-1))[:, places[label]])
    probability = torch.cat(rows).double().numpy()
    return np.stack([probability, np.ones(len(probability))], axis=-1)
