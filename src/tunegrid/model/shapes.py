"""The weight matrices of a model, from its config values alone: no weights, no torch."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Kind(Enum):
    """What a group of parameters does."""

    LINEAR = "linear"
    """A projection inside the network; what LoRA adapts."""
    EMBEDDING = "embedding"
    """Rows looked up by an index; also T5's relative positions."""
    HEAD = "head"
    """The projection to the vocabulary, where it has weights of its own."""
    VECTOR = "vector"
    """A norm's weight (and bias)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One module that owns parameters."""

    name: str
    """The module's dotted name in the model that `Model.load` gives."""
    kind: Kind
    rows: int
    """Output features; vocabulary entries; 1 for a vector."""
    columns: int
    """Input features."""
    bias: int = 0
    """Entries of the bias, if any."""

    @property
    def parameters(self) -> int:
        """Entries of the weight and the bias."""
        return self.rows * self.columns + self.bias

    @property
    def last_name(self) -> str:
        """The last part of the name, for example `q_proj`."""
        return self.name.rpartition(".")[2]


def known_shapes(values: Mapping[str, Any]) -> list[Shape] | None:
    """The modules of a Llama, GPT-2 or T5 from its config values; None for another architecture or missing sizes.

    Shared weights are listed once. T5 1.1 and FLAN-T5 have a head of their own: their config.json says
    `tie_word_embeddings: false`, which transformers 5 overwrites in its config object but respects in the weights.
    """
    read = ARCHITECTURES.get(str(values.get("model_type")))
    try:
        return list(read(values)) if read else None
    except KeyError:
        return None


def _linear(name: str, rows: int, columns: int, bias: bool = False) -> Shape:
    return Shape(name, Kind.LINEAR, rows, columns, rows if bias else 0)


def _llama(values: Mapping[str, Any]) -> Iterator[Shape]:
    width, inner = values["hidden_size"], values["intermediate_size"]
    heads, vocabulary = values["num_attention_heads"], values["vocab_size"]
    head = values.get("head_dim") or width // heads
    keys = (values.get("num_key_value_heads") or heads) * head
    bias, mlp_bias = bool(values.get("attention_bias")), bool(values.get("mlp_bias"))
    yield Shape("model.embed_tokens", Kind.EMBEDDING, vocabulary, width)
    for layer in range(values["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        yield _linear(f"{at}.self_attn.q_proj", heads * head, width, bias)
        yield _linear(f"{at}.self_attn.k_proj", keys, width, bias)
        yield _linear(f"{at}.self_attn.v_proj", keys, width, bias)
        yield _linear(f"{at}.self_attn.o_proj", width, heads * head, bias)
        yield _linear(f"{at}.mlp.gate_proj", inner, width, mlp_bias)
        yield _linear(f"{at}.mlp.up_proj", inner, width, mlp_bias)
        yield _linear(f"{at}.mlp.down_proj", width, inner, mlp_bias)
        yield Shape(f"{at}.input_layernorm", Kind.VECTOR, 1, width)
        yield Shape(f"{at}.post_attention_layernorm", Kind.VECTOR, 1, width)
    yield Shape("model.norm", Kind.VECTOR, 1, width)
    if not values.get("tie_word_embeddings", False):
        yield Shape("lm_head", Kind.HEAD, vocabulary, width)


def _gpt2(values: Mapping[str, Any]) -> Iterator[Shape]:
    width, vocabulary = values["n_embd"], values["vocab_size"]
    inner = values.get("n_inner") or 4 * width
    yield Shape("transformer.wte", Kind.EMBEDDING, vocabulary, width)
    yield Shape("transformer.wpe", Kind.EMBEDDING, values["n_positions"], width)
    for layer in range(values["n_layer"]):
        at = f"transformer.h.{layer}"
        yield Shape(f"{at}.ln_1", Kind.VECTOR, 1, width, width)
        for part in ("q_proj", "k_proj", "v_proj"):
            yield _linear(f"{at}.attn.c_attn.{part}", width, width, bias=True)
        yield _linear(f"{at}.attn.c_proj", width, width, bias=True)
        yield Shape(f"{at}.ln_2", Kind.VECTOR, 1, width, width)
        yield _linear(f"{at}.mlp.c_fc", inner, width, bias=True)
        yield _linear(f"{at}.mlp.c_proj", width, inner, bias=True)
    yield Shape("transformer.ln_f", Kind.VECTOR, 1, width, width)
    if not values.get("tie_word_embeddings", True):
        yield Shape("lm_head", Kind.HEAD, vocabulary, width)


def _t5(values: Mapping[str, Any]) -> Iterator[Shape]:
    width, vocabulary = values["d_model"], values["vocab_size"]
    yield Shape("shared", Kind.EMBEDDING, vocabulary, width)
    yield from _t5_stack(values, "encoder", values["num_layers"], ("SelfAttention",))
    decoder_layers = values.get("num_decoder_layers") or values["num_layers"]
    yield from _t5_stack(values, "decoder", decoder_layers, ("SelfAttention", "EncDecAttention"))
    if not values.get("tie_word_embeddings", True):
        yield Shape("lm_head", Kind.HEAD, vocabulary, width)


def _t5_stack(values: Mapping[str, Any], stack: str, layers: int, attentions: tuple[str, ...]) -> Iterator[Shape]:
    width, inner = values["d_model"], values["d_ff"]
    heads, buckets = values["num_heads"], values.get("relative_attention_num_buckets", 32)
    attention_width = heads * values["d_kv"]
    up = ("wi_0", "wi_1") if str(values.get("feed_forward_proj", "relu")).startswith("gated") else ("wi",)
    for layer in range(layers):
        at = f"{stack}.block.{layer}.layer"
        for number, attention in enumerate(attentions):
            for part in ("q", "k", "v"):
                yield _linear(f"{at}.{number}.{attention}.{part}", attention_width, width)
            yield _linear(f"{at}.{number}.{attention}.o", width, attention_width)
            yield Shape(f"{at}.{number}.layer_norm", Kind.VECTOR, 1, width)
        last = len(attentions)
        for part in up:
            yield _linear(f"{at}.{last}.DenseReluDense.{part}", inner, width)
        yield _linear(f"{at}.{last}.DenseReluDense.wo", width, inner)
        yield Shape(f"{at}.{last}.layer_norm", Kind.VECTOR, 1, width)
    yield Shape(f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias", Kind.EMBEDDING, buckets, heads)
    yield Shape(f"{stack}.final_layer_norm", Kind.VECTOR, 1, width)


ARCHITECTURES: dict[str, Callable[[Mapping[str, Any]], Iterator[Shape]]] = {"llama": _llama, "gpt2": _gpt2, "t5": _t5}
