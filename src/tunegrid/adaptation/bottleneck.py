"""Bottleneck adapters: h + up(act(down(h))) behind a sublayer. Imports torch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import Module, Parameter
from transformers import PreTrainedModel

from tunegrid.adaptation import Adaptation, UnmergeableError
from tunegrid.atomic import replaced
from tunegrid.model.sublayers import Sublayer, output_projections
from tunegrid.pack.route import Router, Share

FILE = "bottlenecks.safetensors"
ALONE = "adapter"
"""The name of an adapter that was loaded."""
Activation = Callable[[Tensor], Tensor]


class Bottleneck(Module):
    """One adapter behind one projection; the identity at the start, because `up` is zero."""

    def __init__(self, width: int, size: int, activation: Activation, like: Tensor):
        super().__init__()
        empty = partial(torch.empty, device=like.device)
        self.down, self.down_bias = Parameter(empty(size, width)), Parameter(torch.zeros(size, device=like.device))
        self.up, self.up_bias = (Parameter(torch.zeros(shape, device=like.device)) for shape in ((width, size), width))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)
        self.activation = activation

    def forward(self, hidden: Tensor) -> Tensor:
        """(…, d) → (…, d), computed in the precision of `hidden`."""
        low = F.linear(hidden, self.down.to(hidden.dtype), self.down_bias.to(hidden.dtype))
        return hidden + F.linear(self.activation(low), self.up.to(hidden.dtype), self.up_bias.to(hidden.dtype))


@dataclass(frozen=True, slots=True)
class Bottlenecks(Adaptation):
    """An adapter behind each output projection of the chosen sublayers."""

    sublayers: tuple[Sublayer, ...]
    size: int
    """Width of the bottleneck."""
    activation: Activation

    def attach(self, model: Module, name: str) -> Module:
        for _, projection in output_projections(model, self.sublayers):
            if not hasattr(projection, "bottlenecks"):
                projection.bottlenecks = nn.ModuleDict()
            made = Bottleneck(_width(projection), self.size, self.activation, projection.weight)
            cast(nn.ModuleDict, projection.bottlenecks)[name] = made
        return model

    def route(self, model: Module, router: Router) -> None:
        for _, projection in output_projections(model, self.sublayers):
            projection.forward = partial(_routed, projection, router)

    def trainable(self, model: Module, name: str) -> dict[str, Parameter]:
        return {
            f"{place}.{key}": parameter
            for place, own in self._of(model, name)
            for key, parameter in own.named_parameters()
        }

    def _of(self, model: Module, name: str) -> Iterator[tuple[str, Module]]:
        for place, projection in output_projections(model, self.sublayers):
            yield place, cast(nn.ModuleDict, projection.bottlenecks)[name]

    def save(self, model: Module, name: str, folder: Path) -> None:
        with replaced(folder / FILE) as part:
            save_file({key: p.detach().contiguous() for key, p in self.trainable(model, name).items()}, part)

    @torch.no_grad()
    def restore(self, model: Module, name: str, folder: Path) -> Module:
        self.attach(model, name)
        saved = load_file(folder / FILE)
        for key, parameter in self.trainable(model, name).items():
            parameter.copy_(saved[key])
        return model

    def load(self, model: PreTrainedModel, folder: Path) -> Module:
        self.restore(model, ALONE, folder)
        router = Router((Share(ALONE, 1),))
        self.route(model, router)
        return model

    def merged(self, model: Module) -> PreTrainedModel:
        raise UnmergeableError(
            "a bottleneck adapter has a nonlinearity between its two matrices, so that no weight of the model "
            "equals it; export it unmerged"
        )


def _width(projection: Any) -> int:
    """Output features, whatever way round the weight is."""
    return int(projection.nf if hasattr(projection, "nf") else projection.out_features)


def _routed(projection: Any, router: Router, x: Tensor) -> Tensor:
    out = type(projection).forward(projection, x)
    rows = out.view(-1, out.shape[-1])
    parts = [
        projection.bottlenecks[span.share.name](rows[span.start : span.stop])
        if span.share.name in projection.bottlenecks
        else rows[span.start : span.stop]
        for span in router.spans(rows.shape[0])
    ]
    return torch.cat(parts).view_as(out)
