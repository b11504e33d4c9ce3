"""Multitask prompt tuning: a prompt times a low-rank matrix of the task's (Wang et al. 2023, arXiv 2303.02861)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.method.virtual_tokens import Initialisation, VirtualTokens, require_text
from tunegrid.model.footprint import Footprint
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from peft.tuners import MultitaskPromptEmbedding
    from torch.nn import Embedding

    from tunegrid.adaptation import Adaptation


@schema("method", "multitask_prompt")
@dataclass(kw_only=True, slots=True)
class MultitaskPrompt(VirtualTokens):
    """Trains P ∘ (U V), P (n, d) being the part that tasks share, U (n, r) and V (r, d) the task's own.

    Each part of `data=mixture` is a task; other data are one. The paper's distillation of P from a teacher for each
    task is left out.
    """

    rank: int
    """r."""
    initialisation: Initialisation
    """Of P; U and V are drawn normal with standard deviation 0.02, as PEFT draws them."""
    text: str | None
    """What P begins as with initialisation=text."""

    def __post_init__(self) -> None:
        VirtualTokens.__post_init__(self)
        require(self.rank >= 1, "method.rank", "be at least 1", self.rank)
        require_text(self.initialisation, self.text)

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        n, d, r = self.tokens, modules[0].columns, self.rank
        return Footprint(trained=n * d + n * r + r * d, virtual_tokens=n)

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.soft_prompt import SoftPrompts

        return SoftPrompts(self.tokens, self._encoder, self.text, by_task=True)

    def _encoder(self, embedding: "Embedding", tasks: int) -> "MultitaskPromptEmbedding":
        from peft.tuners import MultitaskPromptEmbedding, MultitaskPromptTuningConfig

        drawn = self.initialisation is Initialisation.vocabulary
        settings = MultitaskPromptTuningConfig(
            num_virtual_tokens=self.tokens,
            token_dim=embedding.embedding_dim,
            num_transformer_submodules=1,
            prompt_tuning_init="SAMPLE_VOCAB" if drawn else "RANDOM",
            num_ranks=self.rank,
            num_tasks=tasks,
        )
        return MultitaskPromptEmbedding(settings, embedding)
