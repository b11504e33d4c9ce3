"""From the hardware's config to devices, precisions and a Lightning Trainer."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tunegrid.config import require
from tunegrid.errors import ConfigError
from tunegrid.hardware import Accelerator, Hardware, Precision, Strategy
from tunegrid.hardware.place import here
from tunegrid.method import Method, Weights
from tunegrid.model import Model

if TYPE_CHECKING:
    import torch
    from pytorch_lightning import Callback, Trainer
    from transformers import PreTrainedModel

    from tunegrid.hardware.data_parallel import DataParallel
    from tunegrid.pack.pack import Pack


def device_of(hardware: Hardware) -> "torch.device":
    """The device that this process's tensors live on.

    Raises `ConfigError` where a GPU is asked for and there is none.
    """
    import torch

    if hardware.accelerator is Accelerator.cpu:
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", here().rank) if hardware.devices > 1 else torch.device("cuda")
    if hardware.accelerator is Accelerator.gpu:
        raise ConfigError(
            "hardware.accelerator is gpu but no GPU is visible to torch; use hardware=cpu or hardware=auto"
        )
    return torch.device("cpu")


def check_devices(hardware: Hardware) -> None:
    """Raise `ConfigError` where there are fewer devices than asked for. Imports torch to count GPUs only."""
    if hardware.accelerator is Accelerator.cpu or device_of(hardware).type == "cpu":
        there, kind = cores(), "CPU cores that this process may use"
    else:
        import torch

        there, kind = torch.cuda.device_count(), "GPUs visible to torch"
    require(hardware.devices <= there, "hardware.devices", f"be at most {there}, the {kind}", hardware.devices)


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0))


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

    torch.set_num_threads(hardware.threads or max(1, cores() // hardware.devices))


def load_onto(hardware: Hardware, model: Model, method: Method) -> "PreTrainedModel":
    """Load a model's weights onto the device, held as `method` wants them.

    Weights that will be divided over the ranks wait in main memory.
    """
    from torch.nn import Module

    loaded = model.load(precision_of(hardware) if method.base_weights() is Weights.hardware else "float32")
    if (how := method.quantisation()) is not None:
        from tunegrid.model.quantise import quantise

        return quantise(loaded, how, device_of(hardware))
    if hardware.strategy is not Strategy.fsdp:
        Module.to(loaded, device_of(hardware))  # transformers' own `to` hides its signature
    return loaded


@contextmanager
def spread(hardware: Hardware, pack: "Pack") -> Iterator[None]:
    """Hold the pack's weights as the strategy wants them inside the block, and whole on the device after it.

    With `fsdp` only rank 0 has them then. An error leaves them as they are.
    """
    device = device_of(hardware)
    if hardware.strategy is Strategy.fsdp:
        from tunegrid.hardware.fully_sharded import sharded

        with sharded(pack, device):
            yield
    else:
        yield
        pack.adapted.to(device)  # Lightning leaves it on the CPU


def trainer(hardware: Hardware, validate_every: int, callbacks: "list[Callback]") -> "Trainer":
    """A Lightning Trainer that goes through its batches once and leaves disk and signals alone."""
    from pytorch_lightning import Trainer

    made = Trainer(
        accelerator=device_of(hardware).type,
        devices=hardware.devices,
        strategy=_strategy(hardware),
        use_distributed_sampler=False,  # the pack module divides each step's rows
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
    made._signal_connector.register_signal_handlers = _leave_signals  # type: ignore[method-assign]
    return made


def _strategy(hardware: Hardware) -> "DataParallel | str":
    if hardware.strategy is Strategy.single:
        return "auto"
    if hardware.strategy is Strategy.fsdp:
        from tunegrid.hardware.fully_sharded import FullySharded

        return FullySharded()
    from tunegrid.hardware.data_parallel import DataParallel

    return DataParallel()


def _leave_signals() -> None:
    """Instead of Lightning's handler: that one ends with exit code 0 and no checkpoint, and talks to other ranks."""
