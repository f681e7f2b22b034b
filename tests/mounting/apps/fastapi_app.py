"""Guarded FastAPI."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common import CONFIG, endless, go, mark, two_parts
from fastapi import BackgroundTasks, FastAPI, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse

from scrapeguard import ScrapeGuard


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    mark("startup")
    yield
    mark("shutdown")


application = FastAPI(lifespan=lifespan)
application.add_middleware(ScrapeGuard, config=CONFIG)
shop = FastAPI()


@application.get("/page")
@shop.get("/page")
async def page() -> PlainTextResponse:
    return PlainTextResponse("a page")


@application.get("/release")
async def release() -> PlainTextResponse:
    go.set()
    return PlainTextResponse("released")


@application.get("/stream")
async def stream() -> StreamingResponse:
    return StreamingResponse(two_parts(), media_type="text/plain")


@application.get("/forever")
async def forever() -> StreamingResponse:
    return StreamingResponse(endless(), media_type="text/plain")


@application.get("/background")
async def background(tasks: BackgroundTasks) -> PlainTextResponse:
    tasks.add_task(mark, "background")
    return PlainTextResponse("later")


@application.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()


application.mount("/shop", shop)
