"""Memory that training will take, from the config alone. No torch; everything in bytes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunegrid.errors import ConfigError
from tunegrid.model.activations import Stream, block_bytes, blocks, input_width
from tunegrid.model.count import lora_count, parameter_count
from tunegrid.model.quantisation import Quantisation
from tunegrid.model.shapes import Kind, Shape

DTYPE_BYTES = {"float32": 4, "bfloat16": 2}
LABEL_CHUNK = 256
"""Label positions whose logits are held at once (`loss.linear_cross_entropy.CHUNK`)."""


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """Bytes by what they hold, at one moment of training."""

    weights: int
    gradients: int
    optimizer: int
    """Adam's two running means."""
    activations: int
    """What the forward pass keeps for the backward pass, and the logits being computed."""

    @property
    def total(self) -> int:
        """All of it; the process' own code and buffers come on top."""
        return self.weights + self.gradients + self.optimizer + self.activations


@dataclass(frozen=True, slots=True)
class Workload:
    """What goes through the model at once; in a pack, rows of several cells."""

    stream: Stream
    """The rows; in an encoder-decoder their prompts, padded."""
    targets: Stream | None
    """In an encoder-decoder the completions, padded."""
    labels: int
    """Positions with a loss."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One cell's LoRA."""

    layers: Sequence[Shape]
    """Those that it adapts."""
    rank: int
    dropout: bool
    share: float
    """Of the pass' tokens that are this cell's."""


def fp32_rule(parameters: int) -> TrainingMemory:
    """The rule of thumb for full training in float32: 4 + 4 + 8 + up to 8 = 24 bytes a parameter.

    Weights 4, gradients 4, Adam's states 8, activations and temporary variables up to 8.
    """
    return TrainingMemory(4 * parameters, 4 * parameters, 8 * parameters, 8 * parameters)


def full_memory(values: Mapping[str, Any], modules: Sequence[Shape], precision: str, load: Workload) -> TrainingMemory:
    """Training every parameter in `precision`, with gradients and Adam's states in the same."""
    size, count = DTYPE_BYTES[precision], parameter_count(modules)
    activations = kept_bytes(values, size, [], True, load) + loss_bytes(values, size, True, load)
    return TrainingMemory(size * count, size * count, 2 * size * count, activations)


def lora_memory(
    values: Mapping[str, Any],
    modules: Sequence[Shape],
    precision: str,
    load: Workload,
    adapters: Sequence[Adapter],
    quantisation: Quantisation | None = None,
) -> TrainingMemory:
    """Training LoRA adapters in float32 on one frozen base in `precision` or in four bits; several are a pack."""
    size, base, unpacked = DTYPE_BYTES[precision], DTYPE_BYTES[precision] * parameter_count(modules), 0
    if quantisation is not None:
        base = quantisation.bytes(modules, size)
        unpacked = size * max(module.rows * module.columns for module in modules if module.kind is Kind.LINEAR)
    trained = sum(lora_count(adapter.layers, adapter.rank) for adapter in adapters)
    activations = kept_bytes(values, size, adapters, False, load) + loss_bytes(values, size, False, load)
    return TrainingMemory(base + 4 * trained, 4 * trained, 8 * trained, activations + unpacked)


def kept_bytes(
    values: Mapping[str, Any], size: int, adapters: Sequence[Adapter], base_trained: bool, load: Workload
) -> int:
    """What a forward pass through the layers keeps. Raises `ConfigError` for an architecture without an estimate."""
    layers = blocks(values)
    if layers is None:
        raise ConfigError(
            f"no memory estimate for the architecture {values.get('model_type')!r} (known: llama, gpt2, t5); "
            "run one step and read its measured peak"
        )
    kept = sum(
        block.layers * block_bytes(block, size, base_trained, stream)
        for block in layers
        if (stream := load.targets if block.decoder else load.stream) is not None
    )
    return kept + _adapter_bytes(adapters, size, load)


def _adapter_bytes(adapters: Sequence[Adapter], size: int, load: Workload) -> int:
    """Each adapted layer's input, once for all adapters, and every adapter's A x and dropout mask for its tokens."""
    shared, own = 0.0, 0.0
    for adapter in adapters:
        inputs = 0
        for tokens, layers in _by_tokens(adapter.layers, load):
            inputs += tokens * input_width(layers)
            masks = sum(layer.columns for layer in layers) if adapter.dropout else 0
            own += adapter.share * tokens * (adapter.rank * len(layers) + masks)
        shared = max(shared, inputs)
    return int(size * (shared + own))


def _by_tokens(layers: Sequence[Shape], load: Workload) -> Iterator[tuple[int, list[Shape]]]:
    yield load.stream.tokens, [layer for layer in layers if not layer.name.startswith("decoder.")]
    if load.targets is not None:
        yield load.targets.tokens, [layer for layer in layers if layer.name.startswith("decoder.")]


def loss_bytes(values: Mapping[str, Any], size: int, base_trained: bool, load: Workload) -> int:
    """The logits in all the forms that are alive at once, and the gradients that the loss computes with them."""
    vocabulary = int(values["vocab_size"])
    if load.targets is not None:  # whole logits, those with a label in float32, and the gradients of both
        return vocabulary * (2 * size * load.targets.tokens + 3 * 4 * load.labels)
    width = int(values.get("hidden_size") or values["n_embd"])
    # A chunk's float32 logits, their gradient and its cast; with more chunks the next one's logits beside them.
    low = size if size < 4 else 0
    each = 4 + 4 + low + (4 + low if load.labels > LABEL_CHUNK else 0)
    states = 2 * size * load.labels * width  # the hidden states with a label, and their gradient
    head = 2 * 4 * vocabulary * width if base_trained else 0  # its gradient, and a chunk's part of that
    return each * min(LABEL_CHUNK, load.labels) * vocabulary + states + head
