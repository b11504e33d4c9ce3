"""The layers of a loaded model that an adapter's targets name. Imports torch."""

from torch import nn
from transformers.pytorch_utils import Conv1D

from tunegrid.model.layer_names import ALL_LINEAR, layer_names

LINEAR = (nn.Linear, Conv1D)
"""GPT-2's Conv1D is a linear layer with its weight the other way round."""


def target_layers(model: nn.Module, targets: list[str]) -> list[str] | str:
    """The names for PEFT's `target_modules`. Raises `ConfigError` where a target names no linear layer of the model."""
    return layer_names(
        targets, {name.rpartition(".")[2] for name, module in model.named_modules() if _is_linear(name, module)}
    )


def target_modules(model: nn.Module, targets: list[str]) -> list[tuple[str, nn.Linear | Conv1D]]:
    """The layers themselves and their names; the output head is none of them."""
    names, head = target_layers(model, targets), model.get_output_embeddings()  # type: ignore[operator]
    linear = [(n, m) for n, m in model.named_modules() if isinstance(m, LINEAR) and m is not head]
    return linear if names == ALL_LINEAR else [(n, m) for n, m in linear if n.rpartition(".")[2] in names]


def _is_linear(name: str, module: nn.Module) -> bool:
    """Whether a module is one of the model's own linear layers, adapted by an earlier cell or not."""
    own = "lora_" not in name and not name.endswith(".base_layer")
    return own and isinstance(getattr(module, "base_layer", module), LINEAR)
