"""Prefixes: learned keys and values in front of a cell's rows, at every layer. Imports torch and peft."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftModel, PrefixEncoder, PrefixTuningConfig
from torch import Tensor
from torch.nn import Module, Parameter
from transformers import PreTrainedModel

from tunegrid.adaptation import Adaptation, UnmergeableError
from tunegrid.adaptation.peft_files import load_adapter, load_learned, save_learned, task_of
from tunegrid.adaptation.virtual_tokens import (
    Given,
    Learned,
    VirtualTokens,
    input_embedding,
    put,
    route_embedding,
    virtual_tokens_of,
)
from tunegrid.errors import ConfigError
from tunegrid.method.prefix import no_place
from tunegrid.model.layer_names import ROLES
from tunegrid.pack.flat_attention import without_flat_attention
from tunegrid.pack.route import Router, Share


@dataclass(frozen=True, slots=True)
class Prefixes(Adaptation):
    """Keys and values of n virtual tokens, learned as `k_proj` and `v_proj` would give them: before rotary positions.

    The virtual tokens are placeholders. What the model computes at them is read by nobody: their keys and values are
    replaced at every layer, and no label stands behind them.
    """

    tokens: int
    """n."""
    mlp: bool
    """Compute keys and values from embeddings by an MLP, and train that."""
    hidden: int | None
    """Width inside the MLP; None: that of a layer's keys."""

    def attach(self, model: Module, name: str) -> Module:
        if cast(Any, model).config.is_encoder_decoder:
            raise no_place(cast(Any, model).config.model_type)
        projections = key_value_projections(model)
        width = _width(projections)
        settings = PrefixTuningConfig(
            num_virtual_tokens=self.tokens,
            token_dim=width,
            num_layers=len(projections),
            prefix_projection=self.mlp,
            encoder_hidden_size=self.hidden or width,
        )
        encoder = PrefixEncoder(settings).to(input_embedding(model).weight.device)
        virtual_tokens_of(model).keys_values[name] = Learned(encoder, torch.arange(self.tokens)[None])
        return model

    def route(self, model: Module, router: Router) -> None:
        route_embedding(model, router)
        virtual = virtual_tokens_of(model)
        for handle in virtual.handles:
            handle.remove()
        projections = [projection for pair in key_value_projections(model) for projection in pair]
        virtual.handles = [
            # hooks, because cells with PEFT's layers replace the projections' forward
            projection.register_forward_hook(partial(_with_prefixes, virtual, place))
            for place, projection in enumerate(projections)
        ]

    def trainable(self, model: Module, name: str) -> dict[str, Parameter]:
        return dict(virtual_tokens_of(model).keys_values[name].named_parameters())

    def virtual_tokens(self, task: int = 0) -> range:
        return range(self.tokens)

    @torch.no_grad()
    def save(self, model: Module, name: str, folder: Path) -> None:
        cached = self._cached(model, name)
        layers, heads, size = len(cached) // 2, cached[0].shape[0], cached[0].shape[2]
        settings = PrefixTuningConfig(
            num_virtual_tokens=self.tokens,
            token_dim=heads * size,
            num_layers=layers,
            num_attention_heads=heads,
            num_transformer_submodules=1,
            encoder_hidden_size=heads * size,
            task_type=task_of(model),
        )
        save_learned(settings, _rows(cached), folder)

    def restore(self, model: Module, name: str, folder: Path) -> Module:
        """Turns the keys back, by the transpose of how the model turns them.

        Raises `ConfigError` where the model does more to them than that.
        """
        wanted = load_learned(folder).to(input_embedding(model).weight.device)
        given = Given(torch.zeros_like(wanted))
        virtual_tokens_of(model).keys_values[name] = given
        self.route(model, Router())
        with torch.enable_grad():
            (turned_back,) = torch.autograd.grad((_rows(self._cached(model, name)) * wanted).sum(), given.learned)
        with torch.no_grad():
            given.learned.copy_(turned_back)
            _check_turned(_rows(self._cached(model, name)), wanted)
        return model

    def _cached(self, model: Module, name: str) -> list[Tensor]:
        """Keys and values of each layer in turn, (heads, n, size) each, as the model caches them.

        That is behind rotary positions and whatever else it does to them, which is where PEFT puts its prefixes.
        """
        base = cast(PreTrainedModel, model.get_base_model() if isinstance(model, PeftModel) else model)
        ids = -1 - torch.arange(self.tokens, device=base.device)[None]
        with virtual_tokens_of(model).router.over(Share(name, 1)), without_flat_attention(base):
            cache = base(input_ids=ids, use_cache=True).past_key_values
        return [states[0] for layer in cache.layers for states in (layer.keys, layer.values)]

    def load(self, model: PreTrainedModel, folder: Path) -> PeftModel:
        return load_adapter(model, folder)

    def merged(self, model: Module) -> PreTrainedModel:
        raise UnmergeableError(
            "a prefix is more to attend to, so that no weight of the model equals it; "
            "export it unmerged, as PEFT loads it"
        )


def _rows(cached: list[Tensor]) -> Tensor:
    """(n, layers · 2 · heads · size), a row for each virtual token."""
    states = torch.stack(cached).permute(2, 0, 1, 3)
    return states.reshape(len(states), -1)


def _check_turned(cached: Tensor, wanted: Tensor) -> None:
    tolerance = max(1e-4, 4 * torch.finfo(cached.dtype).eps) * wanted.abs().max()
    if (cached - wanted).abs().max() > tolerance:
        raise ConfigError(
            "this model does more to keys than turn them by their position, so that a saved prefix cannot share it; "
            "export the cell, and load it with PEFT"
        )


def key_value_projections(model: Module) -> list[tuple[Module, Module]]:
    """The projections to keys and to values of each layer, in the order of layers; the wrapper where one is adapted."""
    modules = dict(model.named_modules())
    found = []
    for name, module in modules.items():
        parent, _, last = name.rpartition(".")
        values = (modules.get(f"{parent}.{other}") for other in ROLES["value"])
        value = next((other for other in values if other is not None), None)
        if last in ROLES["key"] and value is not None:
            found.append((module, value))
    return found


def _width(projections: list[tuple[Module, Module]]) -> int:
    """Of every layer's keys, and of its values. Raises `ConfigError` where there is no single one."""
    linear = [cast(Any, getattr(module, "base_layer", module)) for pair in projections for module in pair]
    widths = {int(projection.out_features) for projection in linear}
    if len(widths) != 1:
        said = f"of {len(widths)} widths" if widths else "fused with the queries"
        raise ConfigError(
            f"method=prefix learns keys and values of one width for every layer, and this model has them {said}; "
            "the nearest alternative is method=prompt_tuning"
        )
    return widths.pop()


def _with_prefixes(virtual: VirtualTokens, place: int, module: Module, inputs: tuple[Tensor], out: Tensor) -> Tensor:
    """Put the keys or values of each cell at its placeholders; `place` counts keys and values of all layers."""
    width = out.shape[-1]
    return put(out, [(found, learned[:, place * width : (place + 1) * width]) for found, learned in virtual.present])
