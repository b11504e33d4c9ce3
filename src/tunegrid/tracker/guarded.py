"""A tracker that fails says so once and is then left alone: training goes on, metrics.jsonl has everything."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tunegrid.tracker import Recorder


class Guarded(Recorder):
    """Passes everything on until the first failure."""

    def __init__(self, name: str, start: Callable[[], Recorder]) -> None:
        self._name = name
        self._recorder: Recorder | None = None
        self._attempt(lambda: setattr(self, "_recorder", start()))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Mirror one row of metrics.jsonl."""
        recorder = self._recorder
        if recorder is not None:
            self._attempt(lambda: recorder.log(step, values))

    def finish(self, scores: Mapping[str, float], artifacts: list[Path], exit_code: int) -> None:
        """Record final scores and files, then close the run."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._attempt(lambda: recorder.finish(scores, artifacts, exit_code))

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            print(f"warning: tracker {self._name} stopped: {reason}; metrics.jsonl has every number", file=sys.stderr)
            self._close_quietly()

    def _close_quietly(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            try:
                recorder.finish({}, [], 1)
            except Exception:  # the failure has been reported; this is only to leave nothing open
                return
