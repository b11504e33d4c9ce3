"""Soft prompts: learned embeddings in front of a cell's rows, however they are computed. Imports torch and peft."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from peft import PeftModel, PromptEmbedding, PromptEncoder, PromptTuningConfig
from torch import Tensor
from torch.nn import Embedding, Module, Parameter
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tunegrid.adaptation import Adaptation, UnmergeableError
from tunegrid.adaptation.peft_files import load_adapter, load_learned, save_learned, task_of
from tunegrid.adaptation.virtual_tokens import Given, Learned, input_embedding, route_embedding, virtual_tokens_of
from tunegrid.pack.route import Router

Encoder = PromptEmbedding | PromptEncoder


@dataclass(slots=True)
class SoftPrompts(Adaptation):
    """One prompt for each cell, of n virtual tokens."""

    tokens: int
    """n."""
    encoder: Callable[[Embedding], Encoder]
    """Makes PEFT's module for the prompt of a model with this embedding."""
    text: str | None = None
    """Its tokens, repeated or cut, are the first prompt; None: as the encoder begins."""
    inputs: Sequence[Tensor] = ()
    """What the encoder is called with behind the numbers (1, n) of the virtual tokens."""
    text_ids: list[int] = field(default_factory=list)

    def read(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if self.text is not None:
            self.text_ids = tokenizer(self.text, add_special_tokens=False)["input_ids"]

    def attach(self, model: Module, name: str) -> Module:
        embedding = input_embedding(model)
        encoder = self.encoder(embedding).to(embedding.weight.device)
        if self.text is not None:
            _begin_with(encoder, embedding, self.text_ids)
        numbers = torch.arange(self.tokens)[None]
        virtual_tokens_of(model).embeddings[name] = Learned(encoder, numbers, *self.inputs)
        return model

    def route(self, model: Module, router: Router) -> None:
        route_embedding(model, router)

    def trainable(self, model: Module, name: str) -> dict[str, Parameter]:
        return dict(virtual_tokens_of(model).embeddings[name].named_parameters())

    def virtual_tokens(self) -> int:
        return self.tokens

    @torch.no_grad()
    def save(self, model: Module, name: str, folder: Path) -> None:
        learned: Tensor = virtual_tokens_of(model).embeddings[name]()  # (n, d)
        settings = PromptTuningConfig(
            num_virtual_tokens=self.tokens,
            token_dim=learned.shape[1],
            num_transformer_submodules=1,
            task_type=task_of(model),
        )
        save_learned(settings, learned, folder)

    def restore(self, model: Module, name: str, folder: Path) -> Module:
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
