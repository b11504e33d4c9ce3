"""PEFT's LoRA layers, made to send each cell's rows through that cell's own adapter. Imports torch and peft."""

from functools import partial
from typing import cast

import torch
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import Tensor, nn

from tunegrid.pack.low_rank import LowRank, low_rank_update
from tunegrid.pack.route import Router, Span


def route_lora_layers(model: nn.Module, router: Router) -> None:
    """Replace the forward of every LoRA layer of `model` by one that reads the batch's division from `router`."""
    for module in model.modules():
        if isinstance(module, LoraLinear):
            module.forward = partial(_routed_forward, module, router)  # type: ignore[method-assign]


def _routed_forward(layer: LoraLinear, router: Router, x: Tensor) -> Tensor:
    out = layer.base_layer(x)
    spans = [s for s in router.spans(x.numel() // x.shape[-1]) if s.share.name in layer.lora_A]
    parts = [_part(layer, span, x) for span in spans]
    own = [pair[span.share.name].weight for span in spans for pair in (layer.lora_A, layer.lora_B)]
    weights = [_as_used(cast(Tensor, weight), router, x.dtype) for weight in own]
    return low_rank_update(out, x, parts, weights)


def _as_used(weight: Tensor, router: Router, dtype: torch.dtype) -> Tensor:
    """The weight itself, or its cast to `dtype` where the router keeps casts."""
    if router.casts is None:
        return weight
    if id(weight) not in router.casts:
        router.casts[id(weight)] = weight.detach().to(dtype)
    return router.casts[id(weight)]


def _part(layer: LoraLinear, span: Span, x: Tensor) -> LowRank:
    dropout = layer.lora_dropout[span.share.name]
    keep = None
    if isinstance(dropout, nn.Dropout) and span.share.generator is not None:
        draw = torch.rand(span.stop - span.start, x.shape[-1], generator=span.share.generator)
        keep = (draw >= dropout.p).to(device=x.device, dtype=x.dtype) / (1 - dropout.p)
    return LowRank(span.start, span.stop, layer.scaling[span.share.name], keep)
