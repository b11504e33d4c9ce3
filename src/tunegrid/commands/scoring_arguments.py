"""What the commands that score have in common: an option of the metrics group, and how often to resample."""

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from tunegrid.errors import ConfigError, unknown
from tunegrid.metrics import Metrics, Score, Unavailable

_FEWEST_RESAMPLES = 100


def add_sampling(parser: ArgumentParser) -> None:
    """Add --json, --resamples and --seed."""
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    parser.add_argument("--resamples", type=int, default=1000, metavar="N", help="bootstrap samples (default 1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the bootstrap (default 0)")


def check_sampling(given: Namespace) -> None:
    """Raise `ConfigError` for numbers out of range."""
    if given.resamples < _FEWEST_RESAMPLES:
        raise ConfigError(f"--resamples must be at least {_FEWEST_RESAMPLES}, got {given.resamples}")
    if given.seed < 0:
        raise ConfigError(f"--seed must be at least 0, got {given.seed}")


def compose_metrics(name: str, overrides: Sequence[str]) -> Metrics:
    """Build the option `name` of the metrics group with the values of its YAML and `overrides`."""
    from hydra import compose, initialize_config_module
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from tunegrid.config import options, register_components, resolve

    if name not in options("metrics"):
        raise ConfigError(unknown("metrics", name, options("metrics")))
    register_components(["metrics"])
    with initialize_config_module("tunegrid.conf", version_base="1.3"):
        known = compose(overrides=[f"+metrics={name}"]).metrics
        for override in overrides:
            _check_override(override, [str(key) for key in known])
        try:
            metrics: Metrics = resolve(compose(overrides=[f"+metrics={name}", *overrides]))["metrics"]
        except (HydraException, OmegaConfBaseException) as error:
            if isinstance(error, ConfigError):
                raise
            cause = str(error.__cause__ or error).splitlines()[0]
            raise ConfigError(f"{' '.join(overrides)}: {cause}") from error
    return metrics


def _check_override(override: str, known: Sequence[str]) -> None:
    key = override.partition("=")[0].removeprefix("metrics.")
    if not override.startswith("metrics.") or "=" not in override:
        raise ConfigError(f"{override!r} is no override of metrics; write metrics.KEY=VALUE, keys: {', '.join(known)}")
    if key not in known:
        raise ConfigError(unknown("key of metrics", key, known))


def score_file(metrics: Metrics, path: Path, references: Sequence[Sequence[str]]) -> list[Score | Unavailable]:
    """Score the answers of a file, and the groups and likelihoods that its records may have. Raises `DataError`."""
    from tunegrid.metrics.answer_records import SUFFIX, read_groups, read_ranked
    from tunegrid.metrics.files import read_predictions

    answers, has_records = read_predictions(path), path.suffix == SUFFIX
    groups = read_groups(path) if has_records else []
    return [
        *metrics.score(answers, references),
        *metrics.score_groups(answers, references, groups or [None] * len(answers)),
        *metrics.score_choices(read_ranked(path) if has_records else []),
    ]


def finite(record: Mapping[str, float]) -> dict[str, float | None]:
    """Replace what JSON cannot hold (nan, infinities) by None."""
    return {key: value if math.isfinite(value) else None for key, value in record.items()}
