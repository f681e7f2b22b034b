"""Guarded Django: it has no lifespan and no WebSockets of its own."""

from common import CONFIG, endless, go, mark, two_parts
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path

from scrapeguard import ScrapeGuard

settings.configure(SECRET_KEY="test", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=[])


async def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a page")


async def release(request: HttpRequest) -> HttpResponse:
    go.set()
    return HttpResponse("released")


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(two_parts(), content_type="text/plain")


async def forever(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(endless(), content_type="text/plain")


class Later(HttpResponse):
    """Django's way of doing something after the response."""

    def close(self) -> None:
        super().close()
        mark("background")


async def background(request: HttpRequest) -> HttpResponse:
    return Later("later")


urlpatterns = [
    path("page", page),
    path("release", release),
    path("stream", stream),
    path("forever", forever),
    path("background", background),
    path("shop/", include([path("page", page)])),
]
application = ScrapeGuard(get_asgi_application(), config=CONFIG)
