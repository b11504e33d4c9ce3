"""The page's server: what it answers, what it refuses, and that nothing but this machine's page may ask."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from reward.test_rewards import said, worths

from tunegrid.errors import ConfigError
from tunegrid.feedback.listening import HOST, listening
from tunegrid.feedback.live import Live
from tunegrid.feedback.serve import application
from tunegrid.feedback.session import JOURNAL, opened

Client = TestClient[Any, Any]
JSON = {"Content-Type": "application/json"}


def served(folder: Path, ask: Callable[[Client, Live], Awaitable[None]]) -> None:
    """Run a client against the server of a session without a model, in which two answers wait."""

    async def run() -> None:
        with opened(folder, worths()) as session:
            learner: Any = SimpleNamespace(settings=SimpleNamespace(batch_size=8))
            live = Live("lora_r8_s0", session, learner, None, [])  # type: ignore[arg-type]
            live.answers.extend({"id": "a", "prompt": "Is it?", "response": text} for text in ("yes", "no"))
            with listening(0) as socket:
                app = application(live, socket.getsockname()[1])
                server = TestServer(app, host=HOST, socket_factory=lambda *place: socket)
                async with TestClient(server) as client:
                    await ask(client, live)

    asyncio.run(run())


def test_an_answer_is_shown_judged_and_on_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    async def ask(client: Client, live: Live) -> None:
        page = await client.get("/")
        assert page.status == 200 and "<title>tunegrid feedback</title>" in await page.text()
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        answer = await (await client.post("/answer", json={})).json()
        reply = await client.post("/events", json={**answer, "kind": "correct"})
        assert reply.status == 200 and await reply.json() == {"accepted": "a", "new": True}
        assert json.loads((tmp_path / JOURNAL).read_text()) == {**answer, "kind": "correct"}
        assert (await (await client.post("/events", json={**answer, "kind": "correct"})).json())["new"] is False
        live.row = {"worth": 1.0, "kl": 0.25}
        state = await (await client.get("/state")).json()
        assert state["title"] == "lora_r8_s0" and (state["events"], state["pending"], state["batch"]) == (1, 1, 8)
        assert state["row"] == live.row
        await client.post("/answer", json={})
        assert (await client.post("/answer", json={})).status == 204

    served(tmp_path, ask)


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        (said("a", "inappropriate"), 409, "id 'a': is taken by an earlier event"),
        (said("b", "inappropriate"), 409, "id 'b': contradicts 'a' on the same response; keep one; now neither counts"),
        (said("b", "great"), 409, "id 'b': unknown kind 'great'"),
        (said("b", "adjusted"), 409, "id 'b': text: missing or empty"),
        (["b"], 400, "list where an object is expected"),
    ],
)
def test_refused_events_get_the_line_that_a_file_gets(sent: Any, status: int, message: str, tmp_path: Path) -> None:
    async def ask(client: Client, live: Live) -> None:
        assert (await client.post("/events", json=said("a", "correct"))).status == 200
        reply = await client.post("/events", json=sent)
        assert reply.status == status and message in (await reply.json())["error"]

    served(tmp_path, ask)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "attacker.example"}, 403),
        ({"Origin": "http://attacker.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 415),
    ],
)
def test_what_another_sites_page_sends_changes_nothing(headers: dict[str, str], status: int, tmp_path: Path) -> None:
    async def ask(client: Client, live: Live) -> None:
        for path in ("/events", "/answer"):
            reply = await client.post(path, data=json.dumps(said("a", "correct")), headers={**JSON, **headers})
            assert reply.status == status, await reply.text()
        assert not live.session.counts()["events"] and len(live.answers) == 2

    served(tmp_path, ask)


def test_the_page_of_this_server_may_ask(tmp_path: Path) -> None:
    async def ask(client: Client, live: Live) -> None:
        origin = f"http://{HOST}:{client.port}"
        assert (await client.post("/answer", json={}, headers={"Origin": origin})).status == 200

    served(tmp_path, ask)


def test_a_port_that_is_taken_is_named() -> None:
    with listening(0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(ConfigError, match=f"--serve {port}: address already in use; name another port, or 0"):
            listening(port)
