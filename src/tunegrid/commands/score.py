"""`tunegrid score METRICS --predictions FILE --references FILE [--json] [--resamples N] [--seed N] [overrides…]`."""

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from tunegrid.arguments import CommandParser
from tunegrid.errors import ConfigError, unknown
from tunegrid.metrics import Metrics, Score, Unavailable

DESCRIPTION = """Score answers in a file against references in another, with 95 % bootstrap intervals over instances.
METRICS is an option of the config group `metrics`; overrides set its values, for example metrics.mteval=python."""
_FEWEST_RESAMPLES = 100


def main(arguments: list[str]) -> int:
    """Run the command and return 0. Raises `ConfigError` or `DataError` for the user's mistakes, and writes no file."""
    from tunegrid.metrics.files import read_predictions, read_references

    given = _parse(arguments)
    metrics = _compose(given.metrics, given.overrides)
    predictions = read_predictions(given.predictions)
    references = read_references(given.references, len(predictions))
    scores = metrics.score(predictions, references)
    if given.json:
        print(json.dumps({"scores": {score.name: _record(score, given.resamples, given.seed) for score in scores}}))
    else:
        _show(scores, len(predictions), given.resamples, given.seed)
    return 0


def _parse(arguments: Sequence[str]) -> Namespace:
    parser = CommandParser(prog="tunegrid score", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("metrics", help="for example text, e2e or summarisation")
    parser.add_argument("--predictions", required=True, type=Path, metavar="FILE", help="one prediction a line")
    parser.add_argument(
        "--references",
        required=True,
        type=Path,
        metavar="FILE",
        help="one reference a line, a blank line between instances",
    )
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    parser.add_argument("--resamples", type=int, default=1000, metavar="N", help="bootstrap samples (default 1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the bootstrap (default 0)")
    parser.add_argument("overrides", nargs="*", help="for example metrics.mteval=python")
    given = parser.parse_intermixed_args(list(arguments))
    if given.resamples < _FEWEST_RESAMPLES:
        raise ConfigError(f"--resamples must be at least {_FEWEST_RESAMPLES}, got {given.resamples}")
    if given.seed < 0:
        raise ConfigError(f"--seed must be at least 0, got {given.seed}")
    return given


def _compose(name: str, overrides: Sequence[str]) -> Metrics:
    """Build the option `name` of the metrics group with the values of its YAML and `overrides`."""
    from hydra import compose, initialize_config_module
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from tunegrid.config import options, register_components, resolve

    if name not in options("metrics"):
        raise ConfigError(unknown("metrics", name, options("metrics")))
    register_components()
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


def _record(score: Score | Unavailable, resamples: int, seed: int) -> dict[str, float | str | None]:
    """One metric as it stands in the JSON."""
    from tunegrid.metrics.bootstrap import interval

    if isinstance(score, Unavailable):
        return {"value": None, "reason": score.reason}
    estimated = interval(score, resamples=resamples, seed=seed)
    return {"value": estimated.value, "low": estimated.low, "high": estimated.high}


def _show(scores: Sequence[Score | Unavailable], instances: int, resamples: int, seed: int) -> None:
    from rich.console import Console
    from rich.table import Table

    from tunegrid.metrics.bootstrap import interval

    table = Table("metric")
    table.add_column("value", justify="right")
    table.add_column("95 % interval", overflow="fold")
    for score in scores:
        if isinstance(score, Unavailable):
            table.add_row(score.name, "–", score.reason)
        else:
            estimated = interval(score, resamples=resamples, seed=seed)
            table.add_row(score.name, f"{estimated.value:.4f}", f"{estimated.low:.4f} … {estimated.high:.4f}")
    console = Console()
    console.print(table)
    console.print(f"{instances} instances; intervals over {resamples} bootstrap samples of them, seed {seed}")
