"""From the hardware's config to devices, precisions and a Lightning Trainer."""

import os
from typing import TYPE_CHECKING

from tunegrid.errors import ConfigError
from tunegrid.hardware import Accelerator, Hardware, Precision
from tunegrid.model import Model

if TYPE_CHECKING:
    import torch
    from pytorch_lightning import Callback, Trainer
    from transformers import PreTrainedModel


def device_of(hardware: Hardware) -> "torch.device":
    """The device that tensors live on. Raises `ConfigError` where a GPU is asked for and there is none."""
    import torch

    if hardware.accelerator is Accelerator.cpu:
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if hardware.accelerator is Accelerator.gpu:
        raise ConfigError(
            "hardware.accelerator is gpu but no GPU is visible to torch; use hardware=cpu or hardware=auto"
        )
    return torch.device("cpu")


def precision_of(hardware: Hardware) -> str:
    """`float32` or `bfloat16`."""
    import torch

    if hardware.precision is not Precision.auto:
        return hardware.precision.value
    if device_of(hardware).type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bfloat16" if native else "float32"


def set_threads(hardware: Hardware) -> None:
    """Use the configured number of CPU threads."""
    import torch

    torch.set_num_threads(hardware.threads or len(os.sched_getaffinity(0)))


def load_onto(hardware: Hardware, model: Model, frozen: bool) -> "PreTrainedModel":
    """Load a model's weights onto the device: in the hardware's precision if they stay `frozen`, else in float32."""
    from torch.nn import Module

    precision = precision_of(hardware) if frozen else "float32"
    loaded = model.load(precision)
    Module.to(loaded, device_of(hardware))  # transformers' own `to` hides its signature
    return loaded


def trainer(hardware: Hardware, validate_every: int, callbacks: "list[Callback]") -> "Trainer":
    """A Lightning Trainer that goes through its batches once and leaves nothing on disk of its own accord."""
    from pytorch_lightning import Trainer

    return Trainer(
        accelerator=device_of(hardware).type,
        devices=1,
        max_epochs=1,
        val_check_interval=validate_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
