"""No mirror: metrics.jsonl is all there is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tunegrid.config import schema
from tunegrid.tracker import Recorder, RunInfo, Tracker


@schema("tracker", "none")
@dataclass(kw_only=True, slots=True)
class NoTracker(Tracker):
    """Mirrors nothing."""

    def open(self, info: RunInfo) -> Recorder:
        """A recorder that forgets."""
        return _Forgetful()


class _Forgetful(Recorder):
    def log(self, step: int, values: Mapping[str, float]) -> None:
        pass

    def finish(self, scores: Mapping[str, float], artifacts: list[Path], exit_code: int) -> None:
        pass
