"""`hydra/sweeper: search`: what is searched for, how often, and by which rule."""

from dataclasses import dataclass
from enum import Enum

from omegaconf import DictConfig, OmegaConf

from tunegrid.config import require, schema
from tunegrid.errors import ConfigError, unknown
from tunegrid.metrics.combine import MEASURES

VALIDATION_SCORES = ("val_loss", "perplexity")
"""The scores that come from the validation set; every other is of the test set."""


class SamplerKind(Enum):
    """Where a trial's values come from."""

    tpe = "tpe"
    """Tree-structured Parzen estimator (Bergstra et al. 2011), multivariate, from the tenth finished trial on."""
    random = "random"


class PrunerKind(Enum):
    """Which trials are stopped early."""

    none = "none"
    median = "median"
    """Those above the median of finished trials at the same step (Golovin et al. 2017)."""
    successive_halving = "successive_halving"
    """The worse half of a pack at its 1st, 2nd, 4th, 8th … validation (Jamieson and Talwalkar 2016)."""


@schema("hydra/sweeper", "search")
@dataclass(kw_only=True, slots=True)
class SearchOptions:
    """A search over ranges."""

    _target_: str
    params: dict[str, str]
    """Ranges, choices and fixed values by config key, in Hydra's sweep syntax."""
    target: str
    """The score to optimise, in the direction that is better for it."""
    trials: int
    batch: int
    """Trials that are asked for together, and trained together as far as they can share a base."""
    sampler: SamplerKind
    seed: int
    """Of the sampler."""
    pruner: PrunerKind

    def __post_init__(self) -> None:
        if self.target not in MEASURES:
            raise ConfigError(f"hydra.sweeper.target: {unknown('metric', self.target, MEASURES)}")
        require(self.trials >= 1, "hydra.sweeper.trials", "be at least 1", self.trials)
        require(self.batch >= 1, "hydra.sweeper.batch", "be at least 1", self.batch)
        require(self.seed >= 0, "hydra.sweeper.seed", "be at least 0", self.seed)
        require(
            self.pruner is PrunerKind.none or self.target == "val_loss",
            "hydra.sweeper.pruner",
            "be none unless hydra.sweeper.target is val_loss, the only score there is while training",
            self.pruner,
        )

    @property
    def lower_is_better(self) -> bool:
        """The direction of the target."""
        return not MEASURES[self.target].higher_is_better


def is_search(master: DictConfig) -> bool:
    """Whether a sweep's config asks for a search rather than a grid."""
    return OmegaConf.get_type(master.hydra.sweeper) is SearchOptions
