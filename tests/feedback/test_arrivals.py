"""Lines that arrive in their own time."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from command_line import wait_until
from reward.test_rewards import said, worths

from tunegrid.feedback.arrivals import STDIN, Arrivals
from tunegrid.feedback.session import opened


def line(name: str, kind: str = "correct") -> bytes:
    return json.dumps(said(name, kind, f"answer {name}")).encode() + b"\n"


def test_a_file_that_grows_is_read_line_by_whole_line(tmp_path: Path) -> None:
    path, told = tmp_path / "said.jsonl", list[str]()
    path.write_bytes(line("a"))
    with opened(tmp_path / "session", worths()) as session:
        arrivals = Arrivals(session, str(path), True, told.append)
        arrivals.start()
        events = session.history.ledger.events
        wait_until(lambda: list(events) == ["a"])
        with path.open("ab") as file:
            for part in (line("b")[:20], line("b")[20:] + line("c", "great") + b"\n" + line("d")):
                file.write(part)
                file.flush()
        wait_until(lambda: list(events) == ["a", "b", "d"])
        assert told == [f"{path}:3: id 'c': unknown kind 'great'; known: adjusted, correct, inappropriate"]
        assert not arrivals.ended and arrivals.failure is None


def test_standard_input_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[str]()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(line("a") + b"{\n" + line("b").strip())))
    with opened(tmp_path / "session", worths()) as session:
        arrivals = Arrivals(session, STDIN, False, told.append)
        arrivals.start()
        wait_until(lambda: arrivals.ended)
        assert list(session.history.ledger.events) == ["a", "b"] and told[0].startswith("stdin:2: not JSON")


def test_why_reading_stopped_is_kept_for_who_waits(tmp_path: Path) -> None:
    path = tmp_path / "said.jsonl"
    path.write_bytes(line("a"))
    with opened(tmp_path / "session", worths()) as session:
        arrivals = Arrivals(session, str(path), True, print)
        session.fits = lambda event: (_ for _ in ()).throw(OSError("no room"))
        arrivals.start()
        wait_until(lambda: arrivals.failure is not None)
        assert str(arrivals.failure) == "no room" and not arrivals.ended
