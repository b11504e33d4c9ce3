"""What autograd keeps of a forward pass until the backward pass, from config values alone. No torch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunegrid.model.layer_names import ROLES
from tunegrid.model.shapes import Shape

GELU_COPIES = 4
"""Tensors of the inner width that transformers' `gelu_new` keeps: x, 0.5·x, tanh(…), 1 + tanh(…)."""
SILU_COPIES = 2
"""x and silu(x)."""
RELU_COPIES = 1
FUSED_FROM = 320
"""Rows of so many tokens go through the fused kernel, which keeps no scores (`pack.flat_attention.EXPLICIT_BELOW`)."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The tokens that one kind of layer sees at once."""

    tokens: int
    """Without padding in a flat stream, with it elsewhere."""
    rows: int
    longest: int
    """Tokens of the longest row: what attention pads the others to, and what a token attends to at most."""


@dataclass(frozen=True, slots=True)
class Block:
    """One kind of transformer layer, as far as memory is concerned. Widths in numbers per token."""

    layers: int
    width: int
    """Residual stream."""
    heads: int
    attention: int
    """All heads' queries together."""
    keys: int
    """All heads' keys together; the values take as much."""
    attentions: int
    """2 in a decoder with cross-attention."""
    inner: int
    """MLP."""
    kept: int
    """Tensors of the inner width kept for the MLP's nonlinearity and its gate."""
    norm_in_float32: bool
    """RMS norms compute on a float32 copy; LayerNorm keeps its input as it is."""
    flat: bool
    """Whether its rows go through it as a flat stream; T5's are padded."""
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
    head = values.get("head_dim") or width // heads
    yield Block(
        layers=values["num_hidden_layers"],
        width=width,
        heads=heads,
        attention=heads * head,
        keys=(values.get("num_key_value_heads") or heads) * head,
        attentions=1,
        inner=values["intermediate_size"],
        kept=SILU_COPIES + 1,
        norm_in_float32=True,
        flat=True,
        decoder=False,
    )


def _gpt2(values: Mapping[str, Any]) -> Iterator[Block]:
    width = values["n_embd"]
    yield Block(
        layers=values["n_layer"],
        width=width,
        heads=values["n_head"],
        attention=width,
        keys=width,
        attentions=1,
        inner=values.get("n_inner") or 4 * width,
        kept=GELU_COPIES,
        norm_in_float32=False,
        flat=True,
        decoder=False,
    )


def _t5(values: Mapping[str, Any]) -> Iterator[Block]:
    gated = str(values.get("feed_forward_proj", "relu")).startswith("gated")
    for decoder in (False, True):
        yield Block(
            layers=(decoder and values.get("num_decoder_layers")) or values["num_layers"],
            width=values["d_model"],
            heads=values["num_heads"],
            attention=values["num_heads"] * values["d_kv"],
            keys=values["num_heads"] * values["d_kv"],
            attentions=2 if decoder else 1,
            inner=values["d_ff"],
            kept=GELU_COPIES + 2 if gated else RELU_COPIES,
            norm_in_float32=True,
            flat=False,
            decoder=decoder,
        )


def block_bytes(block: Block, dtype_bytes: int, base_trained: bool, stream: Stream) -> int:
    """Bytes that one layer keeps, adapters apart."""
    norms = block.attentions + 1
    norm = (4 if block.norm_in_float32 else dtype_bytes) * norms * block.width
    mlp = dtype_bytes * block.kept * block.inner
    if block.flat:
        attention = _flat_attention(block, dtype_bytes, stream)
    else:
        attention = _padded_attention(block, dtype_bytes, base_trained, stream)
    if not base_trained:
        return stream.tokens * (norm + mlp) + attention
    # A trained matrix keeps its input (q, k and v share theirs, so do gate and up), a trained norm what it multiplies.
    inputs = norms * block.width * (2 if block.norm_in_float32 else 1) + block.inner
    outputs = block.attention if block.flat else 0  # of attention; padded attention keeps them anyway
    return stream.tokens * (norm + mlp + dtype_bytes * (inputs + outputs)) + attention


def _flat_attention(block: Block, dtype_bytes: int, stream: Stream) -> int:
    """Queries, keys and values padded to rows; short rows keep their softmax too, long ones the output."""
    grid = stream.rows * stream.longest
    states = dtype_bytes * grid * (block.attention + 2 * block.keys)
    if stream.longest >= FUSED_FROM:
        return states + dtype_bytes * grid * block.attention
    softmax = 4 if dtype_bytes == 4 else 4 + dtype_bytes  # in float32, then in the values' precision
    return states + softmax * grid * stream.longest * block.heads


def _padded_attention(block: Block, dtype_bytes: int, base_trained: bool, stream: Stream) -> int:
    """T5's queries, keys, values and output, and whole scores.

    The fused kernel keeps the mask that T5 adds to the scores. A trained position bias sends self-attention to SDPA's
    plain form, which works in float32 and keeps the softmax; then a decoder has both.
    """
    size = 4 if base_trained else dtype_bytes
    states = 4 * size * block.attentions * block.attention
    scores = size + (block.attentions - 1) * dtype_bytes * base_trained
    return stream.tokens * (states + scores * block.heads * stream.longest)


def input_width(layers: Sequence[Shape]) -> int:
    """Numbers per token that adapted layers read, and so keep: one count of what q, k and v share, or gate and up."""
    inputs = {
        (layer.name.rpartition(".")[0], layer.columns, layer.last_name in ROLES["output"]): layer.columns
        for layer in layers
    }
    return sum(inputs.values())
