"""The layers of a loaded model that an adapter's targets name. Imports torch."""

from torch import nn

from tunegrid.model.layer_names import layer_names


def target_layers(model: nn.Module, targets: list[str]) -> list[str] | str:
    """The names for PEFT's `target_modules`. Raises `ConfigError` where a target names no linear layer of the model."""
    return layer_names(
        targets, {name.rpartition(".")[2] for name, module in model.named_modules() if _is_linear(name, module)}
    )


def _is_linear(name: str, module: nn.Module) -> bool:
    """Whether a module is one of the model's own linear layers, adapted by an earlier cell or not."""
    own = "lora_" not in name and not name.endswith(".base_layer")
    return own and isinstance(getattr(module, "base_layer", module), nn.Linear)
