"""As much of a W&B server as a client needs to start, resume and finish a run; it can also be out of order."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "a" * 40
"""Looks like a key; the server takes any."""


class Mood(Enum):
    """How the server is."""

    WELL = "well"
    FAILING = "failing"
    """It answers everything with 500."""
    HANGING = "hanging"
    """It takes requests and answers none."""


class WandbServer:
    """What was sent, by run: history rows, and how often the run was said to have ended, with which exit codes."""

    def __init__(self, mood: Mood):
        self.mood = mood
        self.history: dict[str, list[str]] = {}
        self.exits: dict[str, list[int]] = {}
        self.asked = threading.Event()
        self.closing = threading.Event()
        self.port = 0

    def rows(self, run: str, key: str) -> list[tuple[int, float]]:
        """(step, value) of one metric, in the order in which they came."""
        rows = map(json.loads, self.history[run])
        return [(row["_step"], row[key]) for row in rows if key in row]

    def environment(self) -> dict[str, str]:
        """Variables that send a client here."""
        return {"WANDB_BASE_URL": f"http://127.0.0.1:{self.port}", "WANDB_API_KEY": KEY}

    def answer(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        """What W&B answers, as far as the client reads it."""
        if path.endswith("/file_stream"):
            self._take(path.split("/")[-2], request)
            return {}
        variables, operation = request.get("variables", {}), request.get("operationName")
        project = {"id": "1", "name": "tests", "entity": {"id": "1", "name": "me"}}
        if operation == "RunResumeStatus":
            return {"data": {"model": {**project, "bucket": self._bucket(variables["name"])}}}
        if operation == "UpsertBucket":
            inserted = variables["name"] not in self.history
            self.history.setdefault(variables["name"], [])
            bucket = {**self._bucket(variables["name"]), "project": project}
            return {"data": {"upsertBucket": {"bucket": bucket, "inserted": inserted}}}
        if operation == "CreateRunFiles":
            return {"data": {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": []}}}
        return {"data": {}}

    def _bucket(self, run: str) -> Any:
        if run not in self.history:
            return None
        rows = self.history[run]
        return {
            "id": run,
            "name": run,
            "displayName": run,
            "config": "{}",
            "summaryMetrics": "{}",
            "wandbConfig": '{"t": 1}',
            "tags": [],
            "logLineCount": 0,
            "eventsLineCount": 0,
            "eventsTail": "[]",
            "historyLineCount": len(rows),
            "historyTail": json.dumps(rows[-1:]),
        }

    def _take(self, run: str, request: dict[str, Any]) -> None:
        part = request.get("files", {}).get("wandb-history.jsonl")
        if part:
            self.history[run][part["offset"] :] = part["content"]
        if request.get("complete"):
            self.exits.setdefault(run, []).append(request["exitcode"])


@contextmanager
def wandb_server(mood: Mood = Mood.WELL) -> Iterator[WandbServer]:
    """A server on a free port of this machine."""
    server = WandbServer(mood)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            """Answer whatever the method."""
            self.raw_requestline = self.rfile.readline(65537)
            if self.raw_requestline and self.parse_request():
                self._answer()
            else:
                self.close_connection = True

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            server.asked.set()
            if server.mood is Mood.HANGING:
                server.closing.wait()
                return
            well = server.mood is Mood.WELL
            answer = json.dumps(server.answer(self.path, json.loads(body or b"{}"))).encode() if well else b""
            self.send_response(200 if well else 500)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        http.shutdown()
        http.server_close()
        thread.join()
