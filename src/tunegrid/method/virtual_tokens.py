"""What methods share that learn something for positions in front of each row."""

from dataclasses import dataclass
from enum import Enum

from tunegrid.config import require
from tunegrid.method import Method
from tunegrid.model import Model

POSITIONS = ("n_positions", "max_position_embeddings")
"""What architectures call the number of positions they have room for."""


class Initialisation(Enum):
    """Of a prompt's embeddings."""

    random = "random"
    """Normal with standard deviation 1, as PEFT draws them."""
    vocabulary = "vocabulary"
    """The embeddings of tokens drawn from the whole vocabulary."""
    text = "text"
    """The embeddings of a text's tokens, repeated or cut to the length of the prompt."""


@dataclass(kw_only=True, slots=True)
class VirtualTokens(Method):
    """Trains what stands at virtual tokens in front of a cell's own rows; the model itself stays as it is."""

    tokens: int
    """Virtual tokens in front of each row, in an encoder-decoder in front of the encoder's input."""

    def __post_init__(self) -> None:
        require(self.tokens >= 1, "method.tokens", "be at least 1", self.tokens)

    def pack_family(self) -> str:
        return "lora"

    def check(self, model: Model) -> None:
        room = positions(model)
        if room is not None:
            require(self.tokens < room, "method.tokens", f"be below {room}, the positions of the model", self.tokens)


def positions(model: Model) -> int | None:
    """Room for so many tokens in a row; None: relative positions, which encoder-decoders that we know have."""
    values = model.config_values()
    return next((int(values[key]) for key in POSITIONS if values.get(key) and not model.is_encoder_decoder), None)


def require_text(initialisation: Initialisation, text: str | None) -> None:
    """Raise `ConfigError` unless there is a text exactly where a prompt begins as one."""
    if initialisation is Initialisation.text:
        require(bool(text and text.strip()), "method.text", "be a text with method.initialisation=text", text)
    else:
        require(text is None, "method.text", f"be null with method.initialisation={initialisation.value}", text)
