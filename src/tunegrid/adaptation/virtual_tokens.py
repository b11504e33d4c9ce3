"""Virtual tokens: positions in front of a cell's rows, with ids -1, -2, …, that hold what it learns. Imports torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import Embedding, Module, ModuleDict, Parameter
from torch.utils.hooks import RemovableHandle

from tunegrid.pack.route import Router


class Learned(Module):
    """PEFT's module that computes what stands at a cell's virtual tokens, with only its parameters in sight.

    The layers inside are no layers of the model: a cell with LoRA on all linear layers must not adapt them.
    """

    def __init__(self, encoder: Module, *inputs: Tensor):
        super().__init__()
        self._hidden = (encoder, inputs)
        for name, parameter in encoder.named_parameters():
            self.register_parameter(name.replace(".", "_"), parameter)

    def forward(self) -> Tensor:
        """(n, …) float32: a row for each virtual token, those of one task after another's."""
        encoder, inputs = self._hidden
        device = next(self.parameters()).device
        computed: Tensor = encoder(*(tensor.to(device) for tensor in inputs))
        return computed.flatten(0, 1)


class Given(Module):
    """What was learned once and is computed no more."""

    def __init__(self, learned: Tensor):
        super().__init__()
        self.learned = Parameter(learned)

    def forward(self) -> Tensor:
        """(n, …) float32: a row for each virtual token."""
        return self.learned


@dataclass(frozen=True, slots=True)
class Found:
    """The virtual tokens of one cell in a batch: m of them."""

    name: str
    places: Tensor
    """(m,) int64, in the batch flattened to its positions."""
    tokens: Tensor
    """(m,) int64, which of the cell's virtual tokens stands there."""


class VirtualTokens(Module):
    """What cells have learned for their virtual tokens, and where these are in the batch that runs."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = ModuleDict()
        """Learned embeddings of some cells: (n, d) each."""
        self.keys_values = ModuleDict()
        """Learned keys and values of others: (n, layers · 2 · width) each."""
        self.router = Router()
        self.handles: list[RemovableHandle] = []
        """Of the hooks that put keys and values in their place."""
        self.present: list[tuple[Found, Tensor]] = []
        """Keys and values of the cells in the batch, computed once for all layers."""

    def look(self, ids: Tensor) -> list[Found]:
        """Find the virtual tokens of a batch, for the layers too; at the steps of decoding there are none."""
        found = _find(ids.reshape(-1), self.router)
        self.present = _computed(found, self.keys_values)
        return found


def _find(ids: Tensor, router: Router) -> list[Found]:
    """The virtual tokens among the flattened ids (N,) of a batch, cell by cell."""
    virtual = ids < 0
    if not bool(virtual.any()):
        return []
    found = []
    for span in router.spans(len(ids)):
        places = virtual[span.start : span.stop].nonzero()[:, 0] + span.start
        found.append(Found(span.share.name, places, -1 - ids[places]))
    return found


def _computed(found: Sequence[Found], learned: ModuleDict) -> list[tuple[Found, Tensor]]:
    return [(part, learned[part.name]()) for part in found if part.name in learned]


def put(states: Tensor, parts: Sequence[tuple[Found, Tensor]]) -> Tensor:
    """Replace the states (…, d) at virtual tokens by those (n, d) that their cells have learned."""
    if not parts:
        return states
    places = torch.cat([found.places for found, _ in parts])
    learned = torch.cat([values[found.tokens] for found, values in parts]).to(states.dtype)
    return states.reshape(-1, states.shape[-1]).index_copy(0, places, learned).view_as(states)


def input_embedding(model: Module) -> Embedding:
    """The embedding that reads a row's prompt: an encoder-decoder's encoder has its own."""
    whole = cast(Any, model)
    reader = whole.get_encoder() if whole.config.is_encoder_decoder else whole
    embedding = reader.get_input_embeddings()
    return cast(Embedding, getattr(embedding, "base_layer", embedding))


def virtual_tokens_of(model: Module) -> VirtualTokens:
    """Those of a model: a part of its input embedding, made when it is first asked for."""
    embedding = input_embedding(model)
    if not hasattr(embedding, "virtual_tokens"):
        embedding.virtual_tokens = VirtualTokens()
    return cast(VirtualTokens, embedding.virtual_tokens)


def route_embedding(model: Module, router: Router) -> None:
    """Make the input embedding put each cell's own embeddings at its virtual tokens."""
    virtual_tokens_of(model).router = router
    embedding = input_embedding(model)
    embedding.forward = partial(_embedded, embedding)  # type: ignore[method-assign]


def _embedded(embedding: Embedding, ids: Tensor) -> Tensor:
    virtual = cast(VirtualTokens, embedding.virtual_tokens)
    found = virtual.look(ids)
    states = type(embedding).forward(embedding, ids.clamp(min=0))
    return put(states, _computed(found, virtual.embeddings))
