"""A model and the cells that share it. Imports torch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tunegrid.method import Method
from tunegrid.pack import flat_attention
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


class Pack:
    """One base model, the adapters of several cells on it, and the way batches are run through them."""

    def __init__(self, base: PreTrainedModel, members: Sequence[Member], pad: int, strict: bool = False):
        self.members = tuple(members)
        self.strict = strict
        """Give each cell its own passes, so that its matrix products have the shapes that they have alone."""
        self.base = base
        base.eval()  # no dropout but the adapters' own, which the router draws
        base.requires_grad_(False)
        self.forward: Forward = choose_forward(base, pad)
        self.router = Router()
        self.adapted = self._attach()
        for method in {member.method.kind: member.method for member in members}.values():
            method.route(self.adapted, self.router)

    def _attach(self) -> nn.Module:
        adapted: nn.Module = self.base
        for member in self.members:
            torch.manual_seed(stream(member.seed, "adapter"))
            adapted = member.method.attach(adapted, member.name)
        adapted.eval()
        for member in self.members:
            for parameter in member.method.trainable(adapted, member.name).values():
                parameter.requires_grad_(True)
        return adapted

    def trainable(self, member: Member) -> dict[str, nn.Parameter]:
        """The parameters that `member` trains, by name."""
        return member.method.trainable(self.adapted, member.name)

    def total_parameters(self, member: Member) -> int:
        """Parameters of the base and of `member`'s own adapter."""
        own = {id(p): p.numel() for p in self.trainable(member).values()}
        base = {id(p): p.numel() for name, p in self.base.named_parameters() if "lora_" not in name}
        return sum((base | own).values())

    @contextmanager
    def generating(self) -> Iterator[None]:
        """Use an attention that reads padded batches and a key-value cache inside the `with` block."""
        before = self.base.config._attn_implementation
        if before == flat_attention.NAME:
            self.base.set_attn_implementation("sdpa")
        contiguous = self.base.get_output_embeddings().register_forward_pre_hook(_contiguous)
        try:
            with self.router.fixed_weights():
                yield
        finally:
            contiguous.remove()
            self.base.set_attn_implementation(before)


def _contiguous(head: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Lay the last positions of a prefill side by side: torch otherwise copies the whole head once for each row."""
    return tuple(states.contiguous() for states in inputs)
