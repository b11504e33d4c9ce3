"""The mirror's process, seen from the one that trains. Nothing that happens to it reaches the training."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from tunegrid.cell.identity import as_containers, schema_name
from tunegrid.tracker import RunInfo, Tracker

LIMIT_S = 30.0
"""How long the training process waits for a mirror that does not end by itself, as it should (see `follow`)."""

MISSED = "metrics.jsonl has every number, tunegrid sync with the same arguments sends the rest"


class MirrorProcess:
    """Mirrors some folders from `start` to `close`, in a process that only reads their files.

    Its standard input is open as long as ours runs: at its end, however we end, the mirror sends what is left and ends
    too. It is a process group of its own, so that a Ctrl-C comes to us alone.
    """

    def __init__(self, tracker: Tracker, infos: Sequence[RunInfo]):
        self._tracker, self._infos = tracker, infos
        self._process: subprocess.Popen[bytes] | None = None
        self._started = False

    def start(self) -> None:
        """Start the process, once, and if the tracker has a destination."""
        if self._started or self._tracker.destination is None:
            return
        self._started = True
        records = [json.dumps(record) for record in (to_record(self._tracker), *map(RunInfo.to_record, self._infos))]
        command = [sys.executable, "-m", "tunegrid", "sync", "--follow", *records]
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, process_group=0)
        except OSError as error:
            warn(self._tracker, f"did not start: {error}")

    def close(self) -> None:
        """Tell the process that everything is written, and wait for it, not for long."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            exit_code = self._process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self._kill()
            warn(self._tracker, f"was stopped after {LIMIT_S:g} s")
        except BaseException:
            self._kill()
            raise
        else:
            if exit_code < 0:
                warn(self._tracker, f"was killed by signal {-exit_code}")

    def _kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()


def warn(tracker: Tracker, event: str) -> None:
    """Tell the user, on stderr, what has become of a tracker."""
    with suppress(OSError):  # nobody may be reading any more
        print(f"warning: tracker {tracker.destination} {event}; {MISSED}", file=sys.stderr, flush=True)


def to_record(tracker: Tracker) -> dict[str, Any]:
    """A tracker as JSON can hold it: its schema's name and its values."""
    return {"schema": schema_name("tracker", tracker), "values": as_containers(tracker)}


def from_record(record: Mapping[str, Any]) -> Tracker:
    """The inverse of `to_record`; knows registered schemas only."""
    node = ConfigStore.instance().load(f"schema/tracker/{record['schema']}.yaml").node
    tracker = OmegaConf.to_object(OmegaConf.merge(node, record["values"]))
    assert isinstance(tracker, Tracker)
    return tracker
