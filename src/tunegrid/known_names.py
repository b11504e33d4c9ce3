"""The nearest known name to one the user mistyped: keys and options of the config at hand."""

import sys
from collections.abc import Sequence

from omegaconf import OmegaConf

from tunegrid.config import GROUPS, leaves
from tunegrid.errors import unknown


def unknown_option(group: str, option: str, known: Sequence[str]) -> str:
    """Say that `group` has no such option, and list those it has."""
    return f"{group}: {unknown('option', option, known)}"


def nearest_key(key: str, overrides: Sequence[str]) -> str:
    """Say that `key` is unknown, with the keys beside it in the config that `overrides` compose."""
    known = known_keys(overrides or sys.argv[1:])
    parent = key
    while "." in parent:
        parent = parent.rpartition(".")[0]
        beside = [name for name in known if name.startswith(f"{parent}.")]
        if beside:
            return unknown("key", key, beside)
    return unknown("key", key, [*GROUPS, *sorted({name.partition(".")[0] for name in known} - set(GROUPS)), "experiments"])


def known_keys(overrides: Sequence[str]) -> list[str]:
    """Dotted keys of the config composed from those of the overrides that choose an option; [] where that fails too."""
    from tunegrid.grid import composed

    pairs = [override.partition("=") for override in overrides if not override.startswith("-")]
    chosen = [f"{key}={value}" for key, _, value in pairs if key in GROUPS and "," not in value]
    try:
        with composed(chosen) as (_, master):
            return [key for key, _ in leaves(OmegaConf.to_container(master)) if not key.startswith("hydra.")]
    except Exception:  # already explaining one mistake: a second one must not hide it
        return []
