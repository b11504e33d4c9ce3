"""Memory that training will take, from the config alone. No torch; everything in bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunegrid.errors import ConfigError
from tunegrid.model.activations import adapter_bytes, block_bytes, blocks
from tunegrid.model.count import lora_count, parameter_count
from tunegrid.model.shapes import Shape

DTYPE_BYTES = {"float32": 4, "bfloat16": 2}


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """Bytes by what they hold, at the end of the forward pass, where training needs most."""

    weights: int
    gradients: int
    optimizer: int
    """Adam's two running means."""
    activations: int
    """What the forward pass keeps for the backward pass, and the logits being computed."""

    @property
    def total(self) -> int:
        """All of it; the framework's own code and buffers (0.5-1 GB of torch and transformers) come on top."""
        return self.weights + self.gradients + self.optimizer + self.activations


@dataclass(frozen=True, slots=True)
class Workload:
    """One step's batch; for a pack, the batches of all its cells together."""

    tokens: int
    """Tokens in the batch, without padding in a flat stream, with it otherwise; in an encoder-decoder the prompts'."""
    target_tokens: int
    """In an encoder-decoder, the completions' tokens; else 0."""
    logit_rows: int
    """Positions whose logits are held at once: those with a label, or one chunk of them."""
    longest: int
    """Tokens of the longest row, prompt and completion."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One cell's LoRA: the layers it adapts and its rank."""

    layers: Sequence[Shape]
    rank: int


def fp32_rule(parameters: int) -> TrainingMemory:
    """The rule of thumb for full training in float32: 4 + 4 + 8 + up to 8 = 24 bytes a parameter.

    Weights 4, gradients 4, Adam's states 8, activations and temporary variables up to 8.
    """
    return TrainingMemory(4 * parameters, 4 * parameters, 8 * parameters, 8 * parameters)


def full_memory(values: Mapping[str, Any], modules: Sequence[Shape], precision: str, load: Workload) -> TrainingMemory:
    """Training every parameter in `precision`, with gradients and Adam's states in the same."""
    size, count = DTYPE_BYTES[precision], parameter_count(modules)
    kept = _kept(values, size, True, load) + _logits(values, load)
    return TrainingMemory(size * count, size * count, 2 * size * count, kept)


def lora_memory(
    values: Mapping[str, Any], modules: Sequence[Shape], precision: str, load: Workload, adapters: Sequence[Adapter]
) -> TrainingMemory:
    """Training LoRA adapters in float32 on one frozen base in `precision`; several adapters are a pack.

    `load` is the whole pack's; each adapter is taken to see an equal share of the tokens.
    """
    size, count = DTYPE_BYTES[precision], parameter_count(modules)
    trained = sum(lora_count(adapter.layers, adapter.rank) for adapter in adapters)
    share = (load.tokens + load.target_tokens) / max(1, len(adapters))
    extra = sum(share * adapter_bytes(adapter.layers, adapter.rank, size) for adapter in adapters)
    kept = _kept(values, size, False, load) + int(extra) + _logits(values, load)
    return TrainingMemory(size * count + 4 * trained, 4 * trained, 8 * trained, kept)


def _kept(values: Mapping[str, Any], size: int, base_trained: bool, load: Workload) -> int:
    layers = blocks(values)
    if layers is None:
        raise ConfigError(
            f"no memory estimate for the architecture {values.get('model_type')!r} (known: llama, gpt2, t5); "
            "run one step and read its measured peak"
        )
    tokens = {True: load.target_tokens, False: load.tokens}
    return sum(
        block.layers * tokens[block.decoder] * block_bytes(block, size, base_trained, load.longest) for block in layers
    )


def _logits(values: Mapping[str, Any], load: Workload) -> int:
    return 2 * 4 * load.logit_rows * int(values["vocab_size"])  # float32 logits and their gradient
