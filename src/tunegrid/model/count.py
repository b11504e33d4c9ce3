"""How many parameters a model has and how many an adapter trains, before any weight is read."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tunegrid.model.layer_names import ALL_LINEAR, layer_names
from tunegrid.model.shapes import Kind, Shape, known_shapes

if TYPE_CHECKING:
    from torch import nn

    from tunegrid.model import Model


def shapes(model: "Model") -> list[Shape]:
    """The modules of a model that own parameters.

    Llama, GPT-2 and T5 need no torch (microseconds); any other architecture is built once without memory, on torch's
    meta device (seconds). Raises `ConfigError` where the config can't be reached.
    """
    values = model.config_values()
    return known_shapes(values) or meta_shapes(model)


def meta_shapes(model: "Model") -> list[Shape]:
    """The same from transformers' own code, built on the meta device: no memory, no weights."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    from tunegrid.model.split_attention import split

    automatic = AutoModelForSeq2SeqLM if model.is_encoder_decoder else AutoModelForCausalLM
    with torch.device("meta"):
        built = split(automatic.from_config(model.config()))
    return module_shapes(built)


def module_shapes(built: "nn.Module") -> list[Shape]:
    """The modules of a built model that own parameters; a weight that several share is listed once."""
    from torch import nn

    seen: set[int] = set()
    found = []
    for name, module in built.named_modules():
        own = dict(module.named_parameters(recurse=False))
        fresh = {key: value for key, value in own.items() if id(value) not in seen}
        seen.update(id(value) for value in own.values())
        if not fresh:
            continue
        weight = fresh.pop("weight", None)
        bias = sum(value.numel() for value in fresh.values())
        if weight is None:
            found.append(Shape(name, Kind.VECTOR, 1, 0, bias))
        elif weight.dim() == 1:
            found.append(Shape(name, Kind.VECTOR, 1, weight.numel(), bias))
        else:
            rows, columns = weight.shape[0], weight[0].numel()
            if type(module).__name__ == "Conv1D":
                rows, columns = columns, rows  # GPT-2 stores it transposed
            kind = Kind.EMBEDDING if isinstance(module, nn.Embedding) else Kind.LINEAR
            found.append(Shape(name, Kind.HEAD if name.endswith("lm_head") else kind, rows, columns, bias))
    return found


def parameter_count(modules: Iterable[Shape]) -> int:
    """All parameters, shared weights counted once."""
    return sum(module.parameters for module in modules)


def adapted(modules: Iterable[Shape], targets: Sequence[str]) -> list[Shape]:
    """The linear layers that LoRA adapts: those that `targets` name by role or by last name, or all but the head.

    Raises `ConfigError` when a target names no layer.
    """
    linear = [module for module in modules if module.kind is Kind.LINEAR]
    names = layer_names(targets, {module.last_name for module in linear})
    return linear if names == ALL_LINEAR else [module for module in linear if module.last_name in names]


def lora_count(modules: Iterable[Shape], rank: int) -> int:
    """Parameters of LoRA on these layers: r · (d_in + d_out) each (Hu et al. 2021, section 4.1)."""
    return sum(rank * (module.rows + module.columns) for module in modules)
