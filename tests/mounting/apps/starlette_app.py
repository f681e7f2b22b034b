"""Guarded Starlette."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common import CONFIG, endless, go, mark, two_parts
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from scrapeguard import ScrapeGuard


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    mark("startup")
    yield
    mark("shutdown")


async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse("a page")


async def release(request: Request) -> PlainTextResponse:
    go.set()
    return PlainTextResponse("released")


async def stream(request: Request) -> StreamingResponse:
    return StreamingResponse(two_parts(), media_type="text/plain")


async def forever(request: Request) -> StreamingResponse:
    return StreamingResponse(endless(), media_type="text/plain")


async def background(request: Request) -> PlainTextResponse:
    return PlainTextResponse("later", background=BackgroundTask(mark, "background"))


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()


routes = [
    Route("/page", page),
    Route("/release", release),
    Route("/stream", stream),
    Route("/forever", forever),
    Route("/background", background),
    WebSocketRoute("/echo", echo),
    Mount("/shop", routes=[Route("/page", page)]),
]
application = Starlette(routes=routes, lifespan=lifespan, middleware=[Middleware(ScrapeGuard, config=CONFIG)])
