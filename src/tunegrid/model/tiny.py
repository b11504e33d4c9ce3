"""`model=tiny`: random weights and a byte-level tokenizer made in memory, for tests and for trying a config."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from tunegrid.config import require, schema
from tunegrid.model import Model
from tunegrid.model.byte_tokenizer import VOCABULARY

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LONGEST = 1024
"""Positions the model has room for."""


class Architecture(Enum):
    """The transformers architectures that `tiny` can have."""

    LLAMA = "llama"
    GPT2 = "gpt2"
    T5 = "t5"


@schema("model", "tiny")
@dataclass(kw_only=True, slots=True)
class Tiny(Model):
    """A small model with random weights, always the same for the same values."""

    architecture: Architecture
    """llama, gpt2 (decoder-only) or t5 (encoder-decoder)."""
    hidden: int
    """Width of the residual stream; at least 16."""
    layers: int
    """Layers; t5 has as many in the encoder as in the decoder."""
    heads: int
    """Attention heads; must divide `hidden`."""
    seed: int
    """Seed of the weights; not the run's seed."""

    def __post_init__(self) -> None:
        require(self.hidden >= 16, "model.hidden", "be at least 16", self.hidden)
        require(self.layers >= 1, "model.layers", "be at least 1", self.layers)
        require(self.heads >= 1, "model.heads", "be at least 1", self.heads)
        require(
            self.hidden % (2 * self.heads) == 0,
            "model.hidden",
            f"be a multiple of twice model.heads ({2 * self.heads}), for rotary positions come in pairs",
            self.hidden,
        )
        require(self.seed >= 0, "model.seed", "be at least 0", self.seed)

    def identity(self) -> str:
        """The generator's parameters."""
        return f"tiny/1:{self.architecture.value}-h{self.hidden}-l{self.layers}-a{self.heads}-s{self.seed}"

    def config_values(self) -> Mapping[str, Any]:
        """The sizes of the chosen architecture."""
        marks = {"vocab_size": VOCABULARY, "pad_token_id": 0, "eos_token_id": 2}
        return {"model_type": self.architecture.value, **marks, **self._sizes()}

    def _sizes(self) -> dict[str, Any]:
        if self.architecture is Architecture.LLAMA:
            return {
                "hidden_size": self.hidden,
                "intermediate_size": 3 * self.hidden,
                "num_hidden_layers": self.layers,
                "num_attention_heads": self.heads,
                "num_key_value_heads": self.heads,
                "max_position_embeddings": LONGEST,
                "bos_token_id": 1,
                "tie_word_embeddings": True,
            }
        if self.architecture is Architecture.GPT2:
            return {
                "n_embd": self.hidden,
                "n_layer": self.layers,
                "n_head": self.heads,
                "n_positions": LONGEST,
                "bos_token_id": 1,
                "tie_word_embeddings": True,
            }
        return {
            "d_model": self.hidden,
            "d_kv": self.hidden // self.heads,
            "d_ff": 3 * self.hidden,
            "num_layers": self.layers,
            "num_decoder_layers": self.layers,
            "num_heads": self.heads,
            "feed_forward_proj": "gated-gelu",
            "decoder_start_token_id": 0,
            "is_encoder_decoder": True,
            "tie_word_embeddings": True,
        }

    def load_tokenizer(self) -> "PreTrainedTokenizerBase":
        """One token per byte; T5's form ends every text with `</s>`."""
        from tunegrid.model.byte_tokenizer import byte_tokenizer

        return byte_tokenizer(end_appended=self.is_encoder_decoder, longest=LONGEST)

    def load(self, precision: str) -> "PreTrainedModel":
        """Draw the weights in float32, then round them to `precision`; torch's own random state is left as it was."""
        import torch
        from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

        from tunegrid.model.pretrained import torch_dtype
        from tunegrid.model.split_attention import split

        dtype = torch_dtype(precision)
        automatic = AutoModelForSeq2SeqLM if self.is_encoder_decoder else AutoModelForCausalLM
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = automatic.from_config(self.config(), dtype=torch.float32)
        return split(model.to(dtype).eval())
