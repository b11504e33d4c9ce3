"""The typed shape of a run: components are dataclasses, their values live in conf/, their checks need no torch."""

import importlib
import importlib.resources
import importlib.util
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any, TypeVar

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from tunegrid.errors import ConfigError

GROUPS = (
    "model",
    "data",
    "method",
    "objective",
    "reward",
    "prompt",
    "sampler",
    "metrics",
    "forgetting",
    "hardware",
    "tracker",
)

T = TypeVar("T", bound=type)


def schema(group: str | None, name: str) -> Callable[[T], T]:
    """Register a dataclass as the schema of option `name` of a config group, or (None) of the whole config.

    Its YAML begins with `defaults: [/schema/<group>/<name>@_here_, _self_]` and holds the values.
    """

    def register(component: T) -> T:
        place = f"schema/{group}" if group else "schema"
        ConfigStore.instance().store(group=place, name=name, node=component, provider="tunegrid")
        return component

    return register


def options(group: str) -> list[str]:
    """The names of the options that ship with tunegrid for one config group."""
    folder = importlib.resources.files("tunegrid.conf").joinpath(group)
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def register_components(groups: Iterable[str] = GROUPS) -> None:
    """Import the module of every shipped option of `groups`, so that Hydra knows its schema. Imports no torch."""
    for group in groups:
        for option in options(group):
            module = f"tunegrid.{group}.{option}"
            if importlib.util.find_spec(module):
                importlib.import_module(module)


def resolve(config: DictConfig) -> Any:
    """Turn a composed config into its dataclasses; every `__post_init__` check runs here."""
    return OmegaConf.to_object(config)


def plain(component: Any) -> Any:
    """A dataclass (or a container of them) as JSON-able dicts, lists and scalars."""
    container = OmegaConf.to_container(OmegaConf.structured(component), enum_to_str=True)
    return dict(sorted(container.items())) if isinstance(container, dict) else container


def require(condition: bool, key: str, rule: str, got: object) -> None:
    """Raise `ConfigError` "`key` must `rule`, got `got`" unless `condition` holds."""
    if not condition:
        shown = got.value if isinstance(got, Enum) else got
        raise ConfigError(f"{key} must {rule}, got {shown}")


def without(key: str, container: Any) -> Any:
    """Plain containers without the entries called `key`, at any depth."""
    if isinstance(container, dict):
        return {name: without(key, entry) for name, entry in container.items() if name != key}
    return container


def leaves(container: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Walk nested plain dicts as (dotted key, value) pairs."""
    if isinstance(container, dict) and container:
        for key, value in container.items():
            yield from leaves(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, container
