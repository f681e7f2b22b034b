"""Guarded Quart."""

from common import CONFIG, endless, go, mark, two_parts
from quart import Blueprint, Quart, Response, websocket

from scrapeguard import ScrapeGuard

application = Quart(__name__)
application.asgi_app = ScrapeGuard(application.asgi_app, config=CONFIG)
shop = Blueprint("shop", __name__, url_prefix="/shop")


@application.before_serving
async def startup() -> None:
    mark("startup")


@application.after_serving
async def shutdown() -> None:
    mark("shutdown")


@application.get("/page")
@shop.get("/page")
async def page() -> str:
    return "a page"


@application.get("/release")
async def release() -> str:
    go.set()
    return "released"


@application.get("/stream")
async def stream() -> Response:
    return _unlimited(Response(two_parts(), mimetype="text/plain"))


@application.get("/forever")
async def forever() -> Response:
    return _unlimited(Response(endless(), mimetype="text/plain"))


@application.get("/background")
async def background() -> str:
    application.add_background_task(mark, "background")
    return "later"


@application.websocket("/echo")
async def echo() -> None:
    await websocket.accept()
    await websocket.send(await websocket.receive())


def _unlimited(response: Response) -> Response:
    response.timeout = None
    return response


application.register_blueprint(shop)
