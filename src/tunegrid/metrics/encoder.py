"""Models that score texts: an encoder or a classifier, from a folder or from the Hugging Face hub. Imports no torch.

Weights are read from safetensors only and no code of a model folder is ever run.
"""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunegrid.config import require
from tunegrid.errors import ConfigError
from tunegrid.model import pretrained
from tunegrid.model.hub import FETCHED, NOT_FETCHED

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

ROWS = 64
"""Texts in one pass."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """A model in evaluation mode, and its tokenizer."""

    tokenizer: "PreTrainedTokenizerBase"
    model: "PreTrainedModel"

    def tokens(self, texts: list[str]) -> "BatchEncoding":
        """Token ids and masks, padded on the right, (rows, longest); texts beyond the model's length are cut."""
        longest = min(self.tokenizer.model_max_length, self.model.config.max_position_embeddings)
        return self.tokenizer(
            texts,
            padding=True,
            padding_side="right",
            truncation=True,
            max_length=longest,
            return_special_tokens_mask=True,
            return_tensors="pt",
        )


def check_name(name: str, key: str) -> None:
    """Raise `ConfigError` unless `name` is a model's folder that exists, or looks like a hub id."""
    is_id = re.fullmatch(r"[\w-][\w.-]*/[\w.-]+(@[\w./-]+)?", name) is not None
    require(is_id or Path(name).is_dir(), key, "be a model's folder or a hub id (owner/name@revision)", name)


def load_encoder(name: str, automatic: str) -> Encoder:
    """Load with the automatic class of transformers called `automatic`, in float32 on the CPU.

    Raises `ConfigError` where it can't be had.
    """
    import transformers
    from safetensors import SafetensorError

    folder = Path(name) if Path(name).is_dir() else _fetched(name)
    tokenizer = pretrained.load_tokenizer(folder, name)
    pretrained.weight_files(folder)
    kind: Any = getattr(transformers, automatic)
    try:
        with pretrained.quiet_transformers():
            model, report = kind.from_pretrained(
                folder, use_safetensors=True, trust_remote_code=False, local_files_only=True, output_loading_info=True
            )
    except (ValueError, OSError, RuntimeError, KeyError, SafetensorError) as error:
        raise ConfigError(f"{name} can't be loaded: {' '.join(str(error).split())[:300]}") from None
    missing = [key for key in sorted(report["missing_keys"]) if not key.startswith("pooler.")]
    if missing:
        raise ConfigError(
            f"{name} lacks {len(missing)} weights that {automatic} needs, first {missing[0]}; name another"
        )
    return Encoder(tokenizer, model.float().eval())


def _fetched(name: str) -> Path:
    """The folder of a hub id in the hub's cache; downloaded on first use."""
    from huggingface_hub import errors, snapshot_download

    repository, _, revision = name.partition("@")
    fetch = partial(
        snapshot_download,
        repository,
        revision=revision or None,
        allow_patterns=FETCHED,
        ignore_patterns=NOT_FETCHED,
    )
    try:
        return Path(fetch(local_files_only=True))
    except errors.LocalEntryNotFoundError:
        pass
    try:
        return Path(fetch())
    except Exception as error:  # the client raises its own errors, httpx's and OSError: all end in the same advice
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise ConfigError(f"{name} could not be downloaded ({reason}); go online, or name the model's folder") from None
