"""PEFT's layers, made to send each cell's rows through that cell's own adapter. Imports torch and peft."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import torch
from peft.tuners.adalora import AdaLoraLayer
from peft.tuners.lora.layer import LoraLayer
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

from tunegrid.pack.lora_start import used_a, used_b
from tunegrid.pack.low_rank import LowRank, low_rank_update
from tunegrid.pack.route import Router, Share, Span


def route_layers(model: nn.Module, router: Router) -> None:
    """Replace the forward of every PEFT layer of `model` by one that reads the batch's division from `router`.

    LoRA shares the base layer's product between all cells; any other adapter runs PEFT's own forward on its cell's
    rows.
    """
    for module in model.modules():
        if isinstance(module, LoraLayer) and not isinstance(module, AdaLoraLayer):
            module.forward = partial(_lora_forward, module, router)
        elif isinstance(module, BaseTunerLayer):
            module.forward = partial(_own_forward, module, router)


def _lora_forward(layer: Any, router: Router, x: Tensor) -> Tensor:
    out = layer.base_layer(x)
    if hasattr(layer.base_layer.weight, "quant_state"):
        out = out.clone()  # bitsandbytes' product may be a view, which must not be changed in place
    spans = [s for s in router.spans(x.numel() // x.shape[-1]) if s.share.name in layer.lora_A]
    plain = [s for s in spans if s.share.name not in layer.lora_variant]
    weights = [weight for span in plain for weight in _pair(layer, span.share.name, router, x.dtype)]
    out = low_rank_update(out, x, [_part(layer, span, x) for span in plain], weights)
    return out if len(plain) == len(spans) else _with_variants(layer, router, x, out)


def _pair(layer: Any, name: str, router: Router, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    a, b = layer.lora_A[name], layer.lora_B[name]
    return _as_used(a, used_a, router, dtype), _as_used(b, used_b, router, dtype)


def _as_used(side: nn.Module, used: Callable[[nn.Module], Tensor], router: Router, dtype: torch.dtype) -> Tensor:
    """What the update multiplies by, or its cast to `dtype` where the router keeps casts."""
    if router.casts is None:
        return used(side)
    key = id(side.weight)
    if key not in router.casts:
        router.casts[key] = used(side).detach().to(dtype)
    return router.casts[key]


def _with_variants(layer: Any, router: Router, x: Tensor, out: Tensor) -> Tensor:
    """The output with the rows of cells whose LoRA is a variant of PEFT's (DoRA) changed as PEFT changes them."""
    rows_in, rows_out = x.reshape(-1, x.shape[-1]), out.view(-1, out.shape[-1])
    parts = [
        _varied(layer, span, rows_in[span.start : span.stop], rows_out[span.start : span.stop])
        for span in router.spans(len(rows_in))
    ]
    return torch.cat(parts).view_as(out)


def _varied(layer: Any, span: Span, rows: Tensor, out: Tensor) -> Tensor:
    name = span.share.name
    if name not in layer.lora_variant:
        return out
    with _dropout_drawn(layer, span.share.generator):
        inputs = rows.to(cast(Tensor, layer.lora_A[name].weight).dtype)
        return layer.lora_variant[name].forward(layer, active_adapter=name, x=inputs, result=out).to(out.dtype)


def _part(layer: LoraLayer, span: Span, x: Tensor) -> LowRank:
    dropout = layer.lora_dropout[span.share.name]
    keep = None
    if isinstance(dropout, nn.Dropout) and span.share.generator is not None:
        draw = torch.rand(span.stop - span.start, x.shape[-1], generator=span.share.generator)
        keep = (draw >= dropout.p).to(device=x.device, dtype=x.dtype) / (1 - dropout.p)
    return LowRank(span.start, span.stop, layer.scaling[span.share.name], keep)


def _own_forward(layer: Any, router: Router, x: Tensor) -> Tensor:
    """PEFT's forward for the rows of each cell that adapts this layer, the base layer's for the others'."""
    rows = x.reshape(1, -1, x.shape[-1])
    spans = router.spans(rows.shape[1])
    parts = [_of_cell(layer, span.share, rows[:, span.start : span.stop]) for span in spans]
    return torch.cat(parts, 1).view(*x.shape[:-1], -1)


def _of_cell(layer: Any, share: Share, rows: Tensor) -> Tensor:
    name = share.name
    if not any(name in getattr(layer, attribute) for attribute in layer.adapter_layer_names):
        return layer.base_layer(rows)
    layer._active_adapter = [name]
    with _dropout_drawn(layer, share.generator):
        return type(layer).forward(layer, rows)


@contextmanager
def _dropout_drawn(layer: nn.Module, generator: torch.Generator | None) -> Iterator[None]:
    """Draw the layer's dropout from `generator`; draw none where there is no generator."""
    if generator is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        layer.train()
        try:
            yield
        finally:
            layer.eval()
