"""Where a language model comes from: its identity and sizes without reading weights, then its tokenizer and weights."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

ENCODER_DECODER_TYPES = ("bart", "led", "marian", "mbart", "mt5", "pegasus", "prophetnet", "t5", "umt5")


@dataclass(kw_only=True, slots=True)
class Model(ABC):
    """Where a language model comes from."""

    name: str
    """Shown in tables and logs; never part of a cell's identity."""

    @abstractmethod
    def identity(self) -> str:
        """What a cell's id records of the model: equal strings mean equal weights and tokenizer. Imports no torch."""

    @abstractmethod
    def config_values(self) -> Mapping[str, Any]:
        """The model's `config.json` (or the part of it that fixes every size), as plain values. Imports no torch.

        Raises `ConfigError` where the values can't be reached, for example a hub model without a network.
        """

    @abstractmethod
    def load_tokenizer(self) -> "PreTrainedTokenizerBase":
        """The tokenizer, with a padding token always set (the end-of-text token where the model brings none)."""

    @abstractmethod
    def load(self, precision: str) -> "PreTrainedModel":
        """The model in evaluation mode on the CPU, every weight in `precision` (`float32` or `bfloat16`).

        GPT-2's fused attention comes back split into `q_proj`, `k_proj` and `v_proj` (see `split_attention`).
        """

    def config(self) -> "PreTrainedConfig":
        """The same sizes as a transformers config; reads no weights."""
        from tunegrid.model.pretrained import transformers_config

        return transformers_config(self.config_values(), self.name)

    @property
    def is_encoder_decoder(self) -> bool:
        """Whether prompts go to an encoder (T5) rather than in front of the completion. Imports no torch."""
        values = self.config_values()
        return bool(values.get("is_encoder_decoder", values.get("model_type") in ENCODER_DECODER_TYPES))
