"""A model and the cells that share it. Imports torch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from tunegrid.adaptation import Adaptation
from tunegrid.adaptation.attached import Attached
from tunegrid.method import Method
from tunegrid.model.held import entries
from tunegrid.pack.batch import Row
from tunegrid.pack.flat_attention import without_flat_attention
from tunegrid.pack.forward import Forward, choose_forward
from tunegrid.pack.route import Router
from tunegrid.seeds import stream


@dataclass(frozen=True, slots=True)
class Member:
    """One cell of a pack."""

    name: str
    """A valid name for an adapter, unique in the pack."""
    method: Method
    seed: int
    saved: Path | None = None
    """The folder of what it has learned; None: it begins."""


class Pack:
    """One base model, the adapters of several cells on it, and the way batches are run through them."""

    def __init__(
        self,
        base: PreTrainedModel,
        members: Sequence[Member],
        pad: int,
        strict: bool = False,
        tokenizer: PreTrainedTokenizerBase | None = None,
        tasks: Sequence[str] = (),
    ):
        self.members = tuple(members)
        self.pad, self.tokenizer = pad, tokenizer
        self.strict = strict
        """Give each cell its own passes, so that its matrix products have the shapes that they have alone."""
        self.tasks = tuple(tasks)
        """The parts of a mixture; empty where there is one task."""
        self.base = base
        base.eval()  # no dropout but the adapters' own, which the router draws
        base.requires_grad_(False)
        self.forward: Forward = choose_forward(base, pad)
        self.router = Router()
        self._base_sizes = {id(p): entries(p) for p in base.parameters()}
        adaptations = [self._adaptation(member) for member in members]
        self.adapted = self._adapt(adaptations)
        self.attached = {
            member.name: Attached(adaptation, self.adapted, member.name)
            for member, adaptation in zip(members, adaptations, strict=True)
        }
        for member in members:
            for parameter in self.trainable(member).values():
                parameter.requires_grad_(True)

    def _adaptation(self, member: Member) -> Adaptation:
        adaptation = member.method.adaptation()
        adaptation.expect(len(self.tasks) or 1)
        if self.tokenizer is not None:
            adaptation.read(self.tokenizer)
        return adaptation

    def _adapt(self, adaptations: Sequence[Adaptation]) -> nn.Module:
        adapted: nn.Module = self.base
        for member, adaptation in zip(self.members, adaptations, strict=True):
            torch.manual_seed(stream(member.seed, "adapter"))
            adapted = _put_on(adapted, member, adaptation)
        for adaptation in adaptations:
            adaptation.route(adapted, self.router)
        adapted.eval()
        return adapted.requires_grad_(False)

    def add(self, member: Member) -> None:
        """Attach parameters that help to train a cell, and are no cell of the pack."""
        adaptation = self._adaptation(member)
        torch.manual_seed(stream(member.seed, "adapter"))
        self.adapted = adaptation.attach(self.adapted, member.name)
        adaptation.route(self.adapted, self.router)
        self.adapted.eval()
        self.attached[member.name] = Attached(adaptation, self.adapted, member.name)
        for name in self.attached:
            for parameter in self.attached[name].trainable().values():
                parameter.requires_grad_(True)

    def place_of(self, task: str | None) -> int:
        """A task's place among those of the data; 0 where it is none of them."""
        return self.tasks.index(task) if task in self.tasks else 0

    def own_prompt(self, name: str, prompt: Sequence[int], task: int = 0) -> list[int]:
        """A prompt of a task as cell `name` has it: behind its virtual tokens, which are -1, -2, and so on."""
        return [*(-1 - number for number in self.attached[name].adaptation.virtual_tokens(task)), *prompt]

    def own_rows(self, name: str, rows: Sequence[Row]) -> list[Row]:
        """Training rows as cell `name` has them."""
        if not self.attached[name].adaptation.virtual_tokens():
            return list(rows)
        fronts = {task: torch.tensor(self.own_prompt(name, [], task)) for task in {row.task for row in rows}}
        return [replace(row, prompt=torch.cat([fronts[row.task], row.prompt])) for row in rows]

    def is_of_base(self, parameter: nn.Parameter) -> bool:
        """Whether a parameter is the base model's own."""
        return id(parameter) in self._base_sizes

    def trainable(self, member: Member) -> dict[str, nn.Parameter]:
        """The parameters that `member` trains, by name."""
        return self.attached[member.name].trainable()

    def total_parameters(self, member: Member) -> int:
        """Parameters of the base and of `member`'s own adapter."""
        own = {id(p): p.numel() for p in self.trainable(member).values()}
        return sum((self._base_sizes | own).values())

    @contextmanager
    def generating(self) -> Iterator[None]:
        """Use an attention that reads padded batches and a key-value cache inside the `with` block.

        What its publisher set for decoding (penalties, beams, forbidden words) is put aside: the sampler says it all.
        """
        contiguous = self.base.get_output_embeddings().register_forward_pre_hook(_contiguous)
        published, self.base.generation_config = self.base.generation_config, GenerationConfig()
        try:
            with without_flat_attention(self.base), self.router.fixed_weights():
                yield
        finally:
            self.base.generation_config = published
            contiguous.remove()


def _put_on(model: nn.Module, member: Member, adaptation: Adaptation) -> nn.Module:
    if member.saved is None:
        return adaptation.attach(model, member.name)
    return adaptation.restore(model, member.name, member.saved)


def _contiguous(head: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Lay the last positions of a prefill side by side: torch otherwise copies the whole head once for each row."""
    return tuple(states.contiguous() for states in inputs)
