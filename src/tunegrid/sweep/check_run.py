"""Whether a run's questions can be asked, answered and scored, found out before torch is imported."""

from typing import TYPE_CHECKING

from tunegrid.data.check import check

if TYPE_CHECKING:
    from tunegrid.run import Run


def check_run(run: "Run") -> None:
    """Read the data of a run, and ask its sampler and its metrics. Raises `DataError` or `ConfigError`."""
    questions = check(run.data).test
    run.sampler.check(questions)
    run.metrics.check(questions)
