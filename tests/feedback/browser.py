"""A real browser, driven over its DevTools protocol."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0")


@dataclass(slots=True)
class Page:
    """A tab."""

    socket: ClientWebSocketResponse
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self.numbers)
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            reply = await self.socket.receive_json(timeout=30)
            if reply.get("id") == number:
                return dict(reply["result"])

    async def value(self, expression: str) -> Any:
        """What a JavaScript expression is."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    async def until(self, expression: str, wanted: Any) -> None:
        """Wait until it is so."""
        found = None
        for _ in range(300):
            found = await self.value(expression)
            if found == wanted:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{expression} is {found!r} and not {wanted!r}")


@asynccontextmanager
async def page_at(address: str, folder: Path) -> AsyncIterator[Page]:
    """The page in a browser of its own; skips the test where there is none."""
    binary = next(filter(None, map(shutil.which, NAMES)), None)
    if binary is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    command = [binary, *FLAGS, f"--user-data-dir={folder}", address]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        async with ClientSession() as session, session.ws_connect(await _debugger(session, folder, address)) as socket:
            yield Page(socket)
    finally:
        process.kill()
        process.wait()


async def _debugger(session: ClientSession, folder: Path, address: str) -> str:
    """The socket of the tab that shows `address`."""
    told = folder / "DevToolsActivePort"
    for _ in range(300):
        if told.exists() and "\n" in told.read_text():
            async with session.get(f"http://127.0.0.1:{told.read_text().split()[0]}/json") as reply:
                for tab in await reply.json():
                    if tab["url"].startswith(address):
                        return str(tab["webSocketDebuggerUrl"])
        await asyncio.sleep(0.1)
    raise AssertionError("the browser did not start")
