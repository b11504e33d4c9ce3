"""The nearest known name to one the user mistyped: keys and options of the config at hand."""

import sys
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from tunegrid.config import GROUPS, leaves, resolve
from tunegrid.errors import ConfigError, unknown

if TYPE_CHECKING:
    from tunegrid.run import Run

CHOOSING = ("experiments", "hydra/sweeper", "hydra/launcher", "hydra.searchpath")
"""What chooses options beside the config groups, or says where they are."""


def resolve_run(config: DictConfig) -> "Run":
    """A composed config as its dataclasses. Refuses keys that `+key=value` added: no schema has them."""
    refuse_added_keys(config)
    run: Run = resolve(config)
    return run


def refuse_added_keys(config: DictConfig, prefix: str = "") -> None:
    """Raise `ConfigError` for a key that is not a field of its dataclass."""
    kind = OmegaConf.get_type(config)
    known = [field.name for field in fields(kind)] if is_dataclass(kind) else None
    for key, value in ((str(key), value) for key, value in config.items_ex(resolve=False)):
        if known is not None and key not in known:
            raise ConfigError(unknown("key", f"{prefix}{key}", [f"{prefix}{name}" for name in known]))
        if isinstance(value, DictConfig) and not (value._is_missing() or value._is_none()):
            refuse_added_keys(value, f"{prefix}{key}.")


def unknown_option(group: str, option: str, known: Sequence[str]) -> str:
    """Say that `group` has no such option, and list those it has."""
    return f"{group}: {unknown('option', option, known)}"


def nearest_key(key: str, overrides: Sequence[str]) -> str:
    """Say that `key` is unknown, with the keys beside it in the config that `overrides` compose."""
    known = known_keys(overrides or sys.argv[1:])
    if any(name == key or name.startswith(f"{key}.") for name in known):
        return f"{key} gets entries of names of your own by a plus in front: +{key}={{NAME: VALUE}}"
    parent = key
    while "." in parent:
        parent = parent.rpartition(".")[0]
        beside = _children(parent, known)
        if beside:
            return unknown("key", key, [f"{parent}.{name}" for name in beside])
    top = {name.partition(".")[0] for name in known} - {*GROUPS, "hydra"}
    return unknown("key", key, [*GROUPS, *sorted(top), "experiments"])


def _children(parent: str, known: Sequence[str]) -> list[str]:
    below = [name.removeprefix(f"{parent}.") for name in known if name.startswith(f"{parent}.")]
    names = dict.fromkeys(name.partition(".")[0] for name in below)
    return [name for name in names if not name.startswith("_")]


def known_keys(overrides: Sequence[str]) -> list[str]:
    """Dotted keys of the config composed from those of the overrides that choose an option; [] where that fails too.

    Without the experiment where the mistake is in that.
    """
    from tunegrid.sweep.grid import composed

    pairs = [override.partition("=") for override in overrides if not override.startswith("-")]
    for groups in ((*GROUPS, *CHOOSING), GROUPS):
        chosen = [f"{key}={value}" for key, _, value in pairs if key in groups and "," not in value]
        try:
            with composed(chosen) as (_, master):
                return [key for key, _ in leaves(OmegaConf.to_container(master))]
        except Exception:  # already explaining one mistake: a second one must not hide it
            continue
    return []
