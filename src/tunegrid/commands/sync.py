"""`tunegrid sync …`: send to the tracker what it does not have of a sweep with the same arguments.

`tunegrid sync --follow TRACKER RUN…`, in JSON, is the mirror's process, which a training starts for itself.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence

from tunegrid.arguments import check_flags, overrides_of
from tunegrid.errors import ConfigError, DataError
from tunegrid.tracker import RunInfo, Tracker

USAGE = """usage: tunegrid sync EXPERIMENT [OVERRIDES]
       tunegrid sync [-m] [--config-dir DIR] OVERRIDES

Send to the tracker what it does not have of a sweep with the same arguments: what did not get through, or everything
to another one (tracker=wandb_online). Reads the records of the cells and the table. What is there is not sent again."""


def main(arguments: Sequence[str]) -> int:
    """Run the command: 0 the tracker has everything, 1 it failed or another process is sending."""
    if arguments[:1] == ["--follow"]:
        return _follow(*map(json.loads, arguments[1:]))
    flags = check_flags(arguments)
    if flags.help:
        print(USAGE)
        return 0
    from tunegrid.sweep.grid import grid_from

    overrides = overrides_of(flags)
    if overrides and "=" not in overrides[0]:
        overrides[0] = f"experiments={overrides[0]}"
    grid = grid_from(overrides)
    if grid.run.tracker.destination is None:
        raise ConfigError("tracker=none mirrors nothing; name another, for example tracker=wandb_online")
    return sync(grid.run.tracker, [*map(RunInfo.of_cell, grid.cells), RunInfo.of_table(grid.run)])


def sync(tracker: Tracker, infos: Sequence[RunInfo]) -> int:
    """Mirror what the tracker does not have yet, and say how much that was. Returns the exit code."""
    from tunegrid.tracker.follow import reason

    outcomes: Counter[str] = Counter()
    failure = None
    for info in infos:
        try:
            outcomes[_mirrored(tracker, info)] += 1
        except Exception as error:
            failure = error
            break
    said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    print(f"{tracker.destination}: {said or '0 sent'}")
    if failure is not None:
        print(f"error: {info.name}: {reason(failure)}; the same command sends the rest", file=sys.stderr)
    return int(failure is not None or BUSY in outcomes)


BUSY = "being sent by another process"


def _mirrored(tracker: Tracker, info: RunInfo) -> str:
    """Mirror one folder if there is need; what came of it, in words."""
    from filelock import Timeout

    from tunegrid.tracker.mirror import Mirror
    from tunegrid.tracker.mirrored import is_mirrored, sources_of

    assert tracker.destination is not None
    if not sources_of(info.folder):
        return "without records"
    if is_mirrored(info.folder, tracker.destination):
        return "there already"
    try:
        Mirror(tracker, info, lock_patience_s=0).finish()
    except Timeout:
        return BUSY
    except DataError:
        return "left out (see tunegrid verify)"
    return "sent"


def _follow(tracker: dict[str, object], *records: dict[str, str]) -> int:
    from tunegrid.config import register_components
    from tunegrid.tracker.follow import follow
    from tunegrid.tracker.process import from_record

    register_components()
    follow(from_record(tracker), [RunInfo.from_record(record) for record in records])
    return 0
