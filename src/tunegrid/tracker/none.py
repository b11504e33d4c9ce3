"""No mirror: metrics.jsonl is all there is."""

from dataclasses import dataclass

from tunegrid.config import schema
from tunegrid.tracker import Recorder, RunInfo, Tracker


@schema("tracker", "none")
@dataclass(kw_only=True, slots=True)
class NoTracker(Tracker):
    """Mirrors nothing."""

    @property
    def destination(self) -> None:
        return None

    def open(self, info: RunInfo) -> Recorder:
        raise AssertionError("without a destination nothing is opened")
