"""Which linear layers of a model a target like `query` stands for. Imports no torch."""

from collections.abc import Iterable, Sequence

from tunegrid.errors import ConfigError, unknown

ROLES = {
    "query": ("q_proj", "q", "query", "q_lin", "wq"),
    "key": ("k_proj", "k", "key", "k_lin", "wk"),
    "value": ("v_proj", "v", "value", "v_lin", "wv"),
    "output": ("o_proj", "o", "out_proj", "c_proj", "wo"),
}
"""Roles in attention, and the names that architectures give to the layers that play them."""

ALL_LINEAR = "all-linear"
"""PEFT's name for every linear layer but the output head."""


def layer_names(targets: Sequence[str], known: Iterable[str]) -> list[str] | str:
    """The last names of the layers that `targets` (roles or names) select, as PEFT's `target_modules` takes them.

    `known`: the last names of the model's linear layers. Raises `ConfigError` where a target selects none of them.
    """
    if list(targets) == [ALL_LINEAR]:
        return ALL_LINEAR
    names = set(known)
    return [_layer(target, names) for target in targets]


def _layer(target: str, names: set[str]) -> str:
    for candidate in (target, *ROLES.get(target, ())):
        if candidate in names:
            return candidate
    raise ConfigError(f"method.targets: {unknown('layer', target, names | ROLES.keys() | {ALL_LINEAR})}")
