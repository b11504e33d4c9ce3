"""The model that every benchmark trains: the one behind `model=smollm2_135m`."""

from typing import cast

from hydra import compose, initialize_config_module

from tunegrid.config import resolve
from tunegrid.model.embedded import Embedded
from tunegrid.sweep.grid import register


def smollm2() -> Embedded:
    """SmolLM2-135M as the config has it."""
    register()
    with initialize_config_module("tunegrid.conf", version_base="1.3"):
        return cast(Embedded, resolve(compose("run")).model)
