"""What a session is of: one that was begun otherwise is not gone on with."""

import json

from tunegrid.atomic import write_atomically
from tunegrid.cell.cell import Cell
from tunegrid.config import leaves, plain
from tunegrid.errors import ConfigError
from tunegrid.feedback.session import Session
from tunegrid.feedback.settings import Feedback

BEGUN = "session.json"
ELSEWHERE = ("hardware", "output_root", "answers_ahead")
"""Settings that change no step."""


def check_begun(session: Session, cell: Cell, settings: Feedback, raw: bool) -> None:
    """Raise `ConfigError` where a session is of other settings; write them down where it begins."""
    path = session.folder / BEGUN
    own = {key: value for key, value in plain(settings).items() if key not in ELSEWHERE}
    now = {"cell": cell.id, "raw": raw, **own}
    if not path.exists():
        write_atomically(path, json.dumps(now, indent=2) + "\n")
        return
    before = dict(leaves(json.loads(path.read_text())))
    for key, value in leaves(now):
        if before.get(key) != value:
            problem = f"{key} is {before.get(key)} in this session, got {value}"
            raise ConfigError(f"{session.folder}: {problem}; keep it, or begin another session by --name")
