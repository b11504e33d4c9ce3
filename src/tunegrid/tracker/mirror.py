"""One folder's mirror: sends the steps of its metrics.jsonl, then its result, to a tracker."""

from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from tunegrid.cell.result import Result, Status
from tunegrid.tracker import Recorder, RunInfo, Tracker
from tunegrid.tracker.mirrored import digest, files_of, record_mirrored, run_id, sources_of
from tunegrid.tracker.tail import Tail


class Mirror:
    """Sends what the tracker does not have yet.

    Raises whatever the tracker raises, and `DataError` where the folder's metrics or result cannot be read.
    """

    def __init__(self, tracker: Tracker, info: RunInfo, lock_patience_s: float):
        self._tracker, self._info = tracker, info
        self._tail = Tail(info.folder / "metrics.jsonl")
        self._recorder: Recorder | None = None
        self._lock = FileLock(info.folder / "tracker" / ".lock", timeout=lock_patience_s)

    def send(self, *, ended: bool = False) -> None:
        """Send the steps that have come since the last call."""
        for step, values in self._tail.steps(ended=ended):
            recorder = self._opened()
            if step >= recorder.first_step:
                recorder.log(step, values)

    def finish(self) -> None:
        """Send what is left, close the run, and write down what it holds. Does nothing for a folder without records."""
        folder, destination = self._info.folder, self._tracker.destination
        if destination is None or not sources_of(folder):
            return
        content, files, result = digest(folder), files_of(folder), _result(folder)
        self.send(ended=True)
        scores = {name: score.value for name, score in result.scores.items()} if result else {}
        well = result.status in (Status.DONE, Status.PRUNED) if result else bool(files)
        self._opened().finish(scores, files, 0 if well else 1)
        record_mirrored(folder, destination, content)
        self._lock.release()

    def _opened(self) -> Recorder:
        """The run, opened when there is something to send. Raises filelock's `Timeout` where another process has it."""
        if self._recorder is None:
            (self._info.folder / "tracker").mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._recorder = self._tracker.open(replace(self._info, id=run_id(self._info)))
        return self._recorder


def _result(folder: Path) -> Result | None:
    path = folder / "result.json"
    return Result.read(path) if path.exists() else None
