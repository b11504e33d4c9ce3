"""Silence for messages of the libraries below that say nothing to a user of tunegrid."""

import logging
import os
import warnings

LOGGERS = (
    "bitsandbytes",  # reports at import that it lacks an optional kernel package
    "transformers",
    "pytorch_lightning.utilities.rank_zero",  # lists absent accelerators; its parent sets its own level at import
    "lightning_fabric.utilities.rank_zero",
    "lightning_utilities.core.rank_zero",
)

WARNINGS = (
    ".*is_gradient_checkpointing. is deprecated.*",  # PEFT 0.21 on transformers 5
    ".*isinstance.treespec, LeafSpec.. is deprecated.*",  # Lightning 2.6 on torch 2.13
    ".*module.s. in eval mode at the start of training.*",  # meant: only adapters have dropout, and we draw it
    ".*does not have many workers.*",  # rows are cut from a memory map
    ".*FSDP2-wrapped module .* returned a view tensor.*",  # T5's position bias, which nothing changes in place
)


def hush() -> None:
    """Call before the heavy imports."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # bars for what takes milliseconds
    for pattern in WARNINGS:
        warnings.filterwarnings("ignore", message=pattern)
