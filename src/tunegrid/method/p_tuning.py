"""P-tuning: a prompt computed by a small network that is trained (Liu et al. 2021, arXiv 2103.10385)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.method.virtual_tokens import VirtualTokens
from tunegrid.model.footprint import Footprint, linear
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from peft import PromptEncoder
    from torch.nn import Embedding

    from tunegrid.adaptation import Adaptation


class Reparametrisation(Enum):
    """The network between the trained embeddings and the prompt; it is not needed after training."""

    mlp = "mlp"
    """Three linear layers, for each virtual token by itself."""
    lstm = "lstm"
    """A bidirectional LSTM of two layers over the virtual tokens, and two linear layers."""


@schema("method", "p_tuning")
@dataclass(kw_only=True, slots=True)
class PTuning(VirtualTokens):
    """Trains embeddings and the network that turns them into the prompt."""

    reparametrisation: Reparametrisation
    hidden: int | None
    """Width inside the network; null: the model's width."""

    def __post_init__(self) -> None:
        VirtualTokens.__post_init__(self)
        require(self.hidden is None or self.hidden >= 1, "method.hidden", "be at least 1 or null", self.hidden)

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        n, d = self.tokens, modules[0].columns
        h = self.hidden or d
        mlp = linear(d, h) + linear(h, h) + linear(h, d)
        lstm = 2 * 4 * h * (d + h + 2) + 2 * 4 * h * (2 * h + h + 2) + linear(2 * h, 2 * h) + linear(2 * h, d)
        network = mlp if self.reparametrisation is Reparametrisation.mlp else lstm
        return Footprint(trained=n * d + network, virtual_tokens=n)

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.soft_prompt import SoftPrompts

        return SoftPrompts(self.tokens, lambda embedding, _: self._encoder(embedding))

    def _encoder(self, embedding: "Embedding") -> "PromptEncoder":
        from peft import PromptEncoder, PromptEncoderConfig

        settings = PromptEncoderConfig(
            num_virtual_tokens=self.tokens,
            token_dim=embedding.embedding_dim,
            num_transformer_submodules=1,
            encoder_reparameterization_type=self.reparametrisation.value.upper(),
            encoder_hidden_size=self.hidden or embedding.embedding_dim,
        )
        return PromptEncoder(settings)
