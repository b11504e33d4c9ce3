"""A page on this machine that shows answers and takes what is said of them. Imports aiohttp."""

import asyncio
import json
import socket
from importlib.resources import files
from threading import Thread

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tunegrid.errors import UserError
from tunegrid.feedback.arrivals import read_object
from tunegrid.feedback.listening import HOST
from tunegrid.feedback.live import Live
from tunegrid.reward.ledger import RefusedError

LARGEST_EVENT = 1_000_000
"""Bytes."""
LIVE = web.AppKey("live", Live)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def serve(live: Live, on: socket.socket) -> None:
    """Answer requests in a thread of its own, so that no step of learning keeps a page waiting."""
    runner = web.AppRunner(application(live, on.getsockname()[1]), access_log=None)

    async def run() -> None:
        await runner.setup()
        await web.SockSite(runner, on).start()
        await asyncio.Event().wait()

    Thread(target=lambda: asyncio.run(run()), name="serve", daemon=True).start()


def application(live: Live, port: int) -> web.Application:
    """The page at `/`, what it shows at `/state` and `/answer`, and `/events`, which takes an event."""
    made = web.Application(middlewares=[_only_from_here(port)], client_max_size=LARGEST_EVENT)
    made[LIVE] = live
    made.add_routes(
        [
            web.get("/", _page),
            web.get("/state", _state),
            web.post("/answer", _answer),
            web.post("/events", _event),
        ]
    )
    return made


def _only_from_here(port: int) -> Middleware:
    """Refuse what another site's page sends: a foreign name for this machine, a foreign origin, a form's content."""
    hosts = {f"{name}:{port}" for name in (HOST, "localhost")}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if request.host not in hosts or (origin is not None and origin.removeprefix("http://") not in hosts):
            return _refusal(403, "only a page of this server may ask")
        if request.method == "POST" and request.content_type != "application/json":
            return _refusal(415, "send application/json")
        response = await handler(request)
        response.headers.update(HEADERS)
        return response

    return check


async def _page(request: web.Request) -> web.Response:
    text = files("tunegrid.feedback").joinpath("page.html").read_text(encoding="utf-8")
    return web.Response(text=text, content_type="text/html")


async def _state(request: web.Request) -> web.Response:
    live = request.app[LIVE]
    batch = live.learner.settings.batch_size
    return web.json_response({"title": live.title, "batch": batch, **live.session.counts(), "row": live.row})


async def _answer(request: web.Request) -> web.Response:
    """The next answer; nothing while it is being drawn."""
    try:
        return web.json_response(request.app[LIVE].answers.popleft())
    except IndexError:
        return web.Response(status=204)


async def _event(request: web.Request) -> web.Response:
    try:
        columns = read_object(await request.read())
        new = await asyncio.to_thread(request.app[LIVE].session.accept, columns)
    except RefusedError as error:
        return _refusal(409, str(error))
    except UserError as error:
        return _refusal(400, str(error))
    return web.json_response({"accepted": columns["id"], "new": new})


def _refusal(status: int, reason: str) -> web.Response:
    return web.Response(status=status, text=json.dumps({"error": reason}), content_type="application/json")
