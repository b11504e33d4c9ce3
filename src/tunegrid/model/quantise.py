"""Holding the linear layers of a model in four bits, by bitsandbytes. Imports torch and bitsandbytes."""

from typing import cast

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit, Params4bit
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from tunegrid.model.layer_names import ALL_LINEAR
from tunegrid.model.quantisation import BLOCK, FULL_PRECISION, Quantisation
from tunegrid.model.target_layers import target_modules


def quantise(model: PreTrainedModel, how: Quantisation, device: torch.device) -> PreTrainedModel:
    """Move `model` to `device` with every linear layer but the output head in four bits, in place.

    The products are computed in the precision that the model had.
    """
    for name, layer in _linear_layers(model):
        made = _quantised(layer, how).to(device)
        if how.remembered:
            made.unrounded = _usual_way_round(layer).detach()
        model.set_submodule(name, made)
    nn.Module.to(model, device)
    return model


def lost(layer: nn.Module) -> Tensor | None:
    """(out, in) float32: what rounding has taken from a layer's weights; None if it took nothing."""
    if not isinstance(layer, Linear4bit):
        return None
    weight = cast(Params4bit, layer.weight)
    stands_for = dequantize_4bit(weight.data, weight.quant_state).float()
    return cast(Tensor, layer.unrounded).to(stands_for) - stands_for


def forget(model: nn.Module) -> None:
    """Free what `remembered` kept."""
    for layer in model.modules():
        if hasattr(layer, "unrounded"):
            del layer.unrounded


def rounded(model: PreTrainedModel, how: Quantisation) -> PreTrainedModel:
    """Give every weight that `quantise` would quantise the value that it would then stand for, in place."""
    for _, layer in _linear_layers(model):
        weight = cast(Params4bit, _quantised(layer, how).to(layer.weight.device).weight)
        with torch.no_grad():
            _usual_way_round(layer).copy_(dequantize_4bit(weight.data, weight.quant_state))
    return model


def _linear_layers(model: PreTrainedModel) -> list[tuple[str, nn.Linear | Conv1D]]:
    return [
        (name, layer)
        for name, layer in target_modules(model, [ALL_LINEAR])
        if name.rpartition(".")[2] not in FULL_PRECISION
    ]


def _usual_way_round(layer: nn.Linear | Conv1D) -> Tensor:
    """(out, in): the layer's own weight, transposed where it is a Conv1D."""
    return layer.weight.T if isinstance(layer, Conv1D) else layer.weight


def _quantised(layer: nn.Linear | Conv1D, how: Quantisation) -> Linear4bit:
    weight = _usual_way_round(layer).detach()
    made = Linear4bit(
        weight.shape[1],
        weight.shape[0],
        bias=layer.bias is not None,
        compute_dtype=weight.dtype,
        compress_statistics=how.double,
        quant_type=how.code.value,
        device="meta",
    )
    made.weight = Params4bit(
        weight.contiguous(),
        requires_grad=False,
        quant_type=how.code.value,
        compress_statistics=how.double,
        blocksize=BLOCK,
    )
    made.bias = layer.bias
    made.support_avx512bf16_for_cpu = False  # else it repacks its bytes, and can no longer be differentiated
    return made
