"""The layers that a method's targets name in a model, for its check. Imports no torch."""

from collections.abc import Sequence

from tunegrid.errors import ConfigError
from tunegrid.model import Model
from tunegrid.model.count import adapted
from tunegrid.model.layer_names import ALL_LINEAR
from tunegrid.model.shapes import Shape, known_shapes


def adapted_layers(model: Model, targets: Sequence[str]) -> list[Shape]:
    """Those layers; none where the architecture's shapes are not known.

    Raises `ConfigError` where a target names no layer.
    """
    modules = known_shapes(model.config_values())
    return [] if modules is None else adapted(modules, targets)


def adapted_linear_layers(model: Model, targets: Sequence[str], method: str) -> list[Shape]:
    """The same for a method that PEFT has for `nn.Linear` only, which some layers of GPT-2 are not."""
    if list(targets) == [ALL_LINEAR] and model.config_values().get("model_type") == "gpt2":
        raise ConfigError(
            f"method.targets must name layers for method={method}, got [{ALL_LINEAR}]: PEFT has it for no transposed "
            "weights, which GPT-2's are outside its attention; for example [query, key, value]"
        )
    return adapted_layers(model, targets)
