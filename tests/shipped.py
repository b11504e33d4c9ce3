"""Options as their YAML has them."""

from functools import cache

from tunegrid.config import options
from tunegrid.known_names import resolve_run
from tunegrid.method import Method
from tunegrid.sweep.grid import composed, without_hydra

METHODS = sorted(options("method"))


@cache
def method_of(option: str) -> Method:
    """The method of that name, in a run that is otherwise the shipped one."""
    overrides = [f"method={option}"]
    with composed(overrides) as (loader, master):
        return resolve_run(without_hydra(loader.load_sweep_config(master, overrides))).method
