"""Soft prompts: learned embeddings in front of a cell's rows, however they are computed. Imports torch and peft."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from peft import MultitaskPromptTuningConfig, PeftModel, PromptEmbedding, PromptEncoder, PromptTuningConfig
from torch import Tensor
from torch.nn import Embedding, Module, Parameter
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tunegrid.adaptation import Adaptation, UnmergeableError
from tunegrid.adaptation.peft_files import holds_more, load_adapter, load_learned, save_learned, task_of
from tunegrid.adaptation.virtual_tokens import Given, Learned, input_embedding, route_embedding, virtual_tokens_of
from tunegrid.errors import ConfigError
from tunegrid.pack.route import Router

Encoder = PromptEmbedding | PromptEncoder
SHARED, FACTORS = "embedding_weight", ("prefix_task_cols", "prefix_task_rows")
"""Names of the prompt that tasks share, and of the factors (tasks, n, r) and (tasks, r, d) that are their own."""


@dataclass(slots=True)
class SoftPrompts(Adaptation):
    """One prompt for each cell, of n virtual tokens, or one for each task of a cell's rows."""

    tokens: int
    """n."""
    encoder: Callable[[Embedding, int], Encoder]
    """Makes PEFT's module for the prompts of a model with this embedding, of so many tasks."""
    text: str | None = None
    """Its tokens, repeated or cut, are the first prompt; None: as the encoder begins."""
    by_task: bool = False
    """Whether each task of a mixture has a prompt of its own."""
    tasks: int = 1
    """That have one."""
    text_ids: list[int] = field(default_factory=list)

    def read(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if self.text is not None:
            self.text_ids = tokenizer(self.text, add_special_tokens=False)["input_ids"]

    def expect(self, tasks: int) -> None:
        if self.by_task:
            self.tasks = tasks

    def attach(self, model: Module, name: str) -> Module:
        embedding = input_embedding(model)
        encoder = self.encoder(embedding, self.tasks).to(embedding.weight.device)
        if self.text is not None:
            _begin_with(encoder, embedding, self.text_ids)
        numbers = torch.arange(self.tokens).expand(self.tasks, -1)
        inputs = [torch.arange(self.tasks)] if self.by_task else []
        virtual_tokens_of(model).embeddings[name] = Learned(encoder, numbers, *inputs)
        return model

    def route(self, model: Module, router: Router) -> None:
        route_embedding(model, router)

    def trainable(self, model: Module, name: str) -> dict[str, Parameter]:
        return dict(virtual_tokens_of(model).embeddings[name].named_parameters())

    def virtual_tokens(self, task: int = 0) -> range:
        first = task * self.tokens if self.by_task else 0
        return range(first, first + self.tokens)

    @torch.no_grad()
    def save(self, model: Module, name: str, folder: Path) -> None:
        if self.tasks > 1:
            self._save_apart(model, name, folder)
            return
        learned: Tensor = virtual_tokens_of(model).embeddings[name]()  # (n, d)
        settings = PromptTuningConfig(
            num_virtual_tokens=self.tokens,
            token_dim=learned.shape[1],
            num_transformer_submodules=1,
            task_type=task_of(model),
        )
        save_learned(settings, learned, folder)

    def _save_apart(self, model: Module, name: str, folder: Path) -> None:
        """Write the shared prompt and the tasks' factors: PEFT's model is told which task a row is of."""
        own = self.trainable(model, name)
        factors = {side: own[side].detach() for side in FACTORS}
        settings = MultitaskPromptTuningConfig(
            num_virtual_tokens=self.tokens,
            token_dim=own[SHARED].shape[1],
            num_transformer_submodules=1,
            num_ranks=factors[FACTORS[0]].shape[2],
            num_tasks=self.tasks,
            task_type=task_of(model),
        )
        save_learned(settings, own[SHARED], folder, factors)

    def restore(self, model: Module, name: str, folder: Path) -> Module:
        """Raises `ConfigError` where there is a prompt for each of several tasks: a new question names none."""
        if holds_more(folder):
            raise ConfigError(
                "this prompt was learned for each task of a mixture, and a new question names none; PEFT's model takes "
                "the adaptation with task_ids"
            )
        learned = load_learned(folder).to(input_embedding(model).weight.device)
        virtual_tokens_of(model).embeddings[name] = Given(learned)
        return model

    def load(self, model: PreTrainedModel, folder: Path) -> PeftModel:
        return load_adapter(model, folder)

    def merged(self, model: Module) -> PreTrainedModel:
        raise UnmergeableError(
            "a prompt is more input, so that no weight of the model equals it; export it unmerged, as PEFT loads it"
        )


@torch.no_grad()
def _begin_with(encoder: Encoder, embedding: Embedding, ids: Sequence[int]) -> None:
    """Set the prompt to the embeddings of `ids`, repeated or cut to its length."""
    weight = cast(Tensor, encoder.embedding.weight)
    wanted = torch.arange(len(weight)) % len(ids)
    weight.copy_(embedding(torch.tensor(ids)[wanted].to(weight.device)))
