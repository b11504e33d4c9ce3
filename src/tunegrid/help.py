"""`tunegrid --help`: the template of conf/hydra/help/tunegrid.yaml.

Hydra's own way to print it takes a second, because it lists every config group whether or not the template shows them.
"""

import string
from collections.abc import Sequence

from omegaconf import OmegaConf

from tunegrid.sweep.grid import composed, without_hydra


def help_text(overrides: Sequence[str]) -> str:
    """The help, with the config that `overrides` compose."""
    with composed(overrides) as (_, master):
        template = string.Template(master.hydra.help.template)
        return template.substitute(CONFIG=OmegaConf.to_yaml(without_hydra(master)))
