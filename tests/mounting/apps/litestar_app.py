"""Guarded Litestar: its own middleware sees only http, so the guard goes round the app."""

from common import CONFIG, endless, go, mark, two_parts
from litestar import Litestar, MediaType, Router, WebSocket, get, websocket
from litestar.background_tasks import BackgroundTask
from litestar.response import Response, Stream

from scrapeguard import ScrapeGuard


@get("/page", media_type=MediaType.TEXT)
async def page() -> str:
    return "a page"


@get("/release", media_type=MediaType.TEXT)
async def release() -> str:
    go.set()
    return "released"


@get("/stream")
async def stream() -> Stream:
    return Stream(two_parts(), media_type="text/plain")


@get("/forever")
async def forever() -> Stream:
    return Stream(endless(), media_type="text/plain")


@get("/background")
async def background() -> Response[str]:
    return Response("later", media_type=MediaType.TEXT, background=BackgroundTask(mark, "background"))


@websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()


async def startup() -> None:
    mark("startup")


async def shutdown() -> None:
    mark("shutdown")


shop = Router("/shop", route_handlers=[page])
litestar = Litestar(
    [page, release, stream, forever, background, echo, shop], on_startup=[startup], on_shutdown=[shutdown]
)
application = ScrapeGuard(litestar, config=CONFIG)
