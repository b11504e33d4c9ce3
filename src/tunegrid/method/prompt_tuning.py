"""Prompt tuning: learned embeddings in front of the input (Lester et al. 2021, arXiv 2104.08691)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import schema
from tunegrid.method.virtual_tokens import Initialisation, VirtualTokens, require_text
from tunegrid.model.footprint import Footprint
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from peft import PromptEmbedding
    from torch.nn import Embedding

    from tunegrid.adaptation import Adaptation


@schema("method", "prompt_tuning")
@dataclass(kw_only=True, slots=True)
class PromptTuning(VirtualTokens):
    """Trains the embeddings of the virtual tokens: n · d parameters."""

    initialisation: Initialisation
    text: str | None
    """What the prompt begins as with initialisation=text, for example a description of the task."""

    def __post_init__(self) -> None:
        VirtualTokens.__post_init__(self)
        require_text(self.initialisation, self.text)

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        return Footprint(trained=self.tokens * modules[0].columns, virtual_tokens=self.tokens)

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.soft_prompt import SoftPrompts

        return SoftPrompts(self.tokens, lambda embedding, _: self._encoder(embedding), self.text)

    def _encoder(self, embedding: "Embedding") -> "PromptEmbedding":
        from peft import PromptEmbedding, PromptTuningConfig

        drawn = self.initialisation is Initialisation.vocabulary
        settings = PromptTuningConfig(
            num_virtual_tokens=self.tokens,
            token_dim=embedding.embedding_dim,
            num_transformer_submodules=1,
            prompt_tuning_init="SAMPLE_VOCAB" if drawn else "RANDOM",
        )
        return PromptEmbedding(settings, embedding)
