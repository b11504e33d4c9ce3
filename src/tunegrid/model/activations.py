"""What autograd keeps of a forward pass until the backward pass, from config values alone. No torch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunegrid.model.shapes import Shape

GELU_COPIES = 4
"""Tensors of the inner width that transformers' `gelu_new` keeps: x, 0.5·x, tanh(…), 1 + tanh(…)."""
SILU_COPIES = 2
"""x and silu(x)."""
RELU_COPIES = 1
SCORE_COPIES = 3
"""T5's added position biases send SDPA to its plain form, which works in float32 and keeps scores, mask and softmax."""


@dataclass(frozen=True, slots=True)
class Block:
    """One kind of transformer layer, as far as memory is concerned. Widths in numbers per token."""

    layers: int
    width: int
    """Residual stream."""
    attention: int
    """All heads' queries together."""
    attentions: int
    """2 in a decoder with cross-attention."""
    inner: int
    """MLP."""
    kept: int
    """Tensors of the inner width kept for the MLP's nonlinearity and its gate."""
    norm_in_float32: bool
    """RMS norms compute on a float32 copy; LayerNorm keeps its input as it is."""
    score_heads: int
    """Heads whose attention scores are kept whole (T5); 0 where attention never holds them."""
    decoder: bool
    """Whether its tokens are the completion's in an encoder-decoder."""


def blocks(values: Mapping[str, Any]) -> list[Block] | None:
    """The layers of a Llama, GPT-2 or T5; None for another architecture or missing sizes."""
    read = {"llama": _llama, "gpt2": _gpt2, "t5": _t5}.get(str(values.get("model_type")))
    try:
        return list(read(values)) if read else None
    except KeyError:
        return None


def _llama(values: Mapping[str, Any]) -> Iterator[Block]:
    width, heads = values["hidden_size"], values["num_attention_heads"]
    attention = heads * (values.get("head_dim") or width // heads)
    inner = values["intermediate_size"]
    yield Block(values["num_hidden_layers"], width, attention, 1, inner, SILU_COPIES + 1, True, 0, decoder=False)


def _gpt2(values: Mapping[str, Any]) -> Iterator[Block]:
    width = values["n_embd"]
    inner = values.get("n_inner") or 4 * width
    yield Block(values["n_layer"], width, width, 1, inner, GELU_COPIES, False, 0, decoder=False)


def _t5(values: Mapping[str, Any]) -> Iterator[Block]:
    width, heads, inner = values["d_model"], values["num_heads"], values["d_ff"]
    attention = heads * values["d_kv"]
    gated = str(values.get("feed_forward_proj", "relu")).startswith("gated")
    kept = GELU_COPIES + 1 if gated else RELU_COPIES
    decoder_layers = values.get("num_decoder_layers") or values["num_layers"]
    yield Block(values["num_layers"], width, attention, 1, inner, kept, True, heads, decoder=False)
    yield Block(decoder_layers, width, attention, 2, inner, kept, True, heads, decoder=True)


def block_bytes(block: Block, dtype_bytes: int, base_trained: bool, longest: int) -> int:
    """Bytes that one layer keeps per token, adapters apart. `longest`: tokens that each token attends to."""
    norms = block.attentions + 1
    norm = (4 if block.norm_in_float32 else dtype_bytes) * norms * block.width
    size = 4 if block.score_heads else dtype_bytes
    attention = 4 * size * block.attentions * block.attention  # queries, keys, values, output
    scores = SCORE_COPIES * 4 * block.attentions * block.score_heads * longest
    mlp = dtype_bytes * block.kept * block.inner
    if not base_trained:
        return norm + attention + scores + mlp
    # A trained matrix keeps its input (q, k and v share theirs, so do gate and up), a trained norm what it multiplies.
    inputs = dtype_bytes * (norms * block.width * (2 if block.norm_in_float32 else 1) + block.inner)
    return norm + attention + scores + mlp + inputs


def adapter_bytes(layers: Sequence[Shape], rank: int, dtype_bytes: int) -> int:
    """Bytes that LoRA keeps per token: each adapted layer's input for A, in float32, and A's output for B.

    With a float32 base the layers under one parent (q and v) share their input; with a bfloat16 base each makes a copy.
    """
    inputs = {
        layer.name if dtype_bytes < 4 else (layer.name.rpartition(".")[0], layer.columns): layer.columns
        for layer in layers
    }
    return 4 * (sum(inputs.values()) + rank * len(layers))
