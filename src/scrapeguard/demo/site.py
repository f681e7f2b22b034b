"""The demo's site: a catalogue of invented minerals, with pages, images, styles, a script, a feed and a JSON API."""

from html import escape

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

HOST = "catalogue.example"
ITEMS = 600
PER_PAGE = 20
PAGES = ITEMS // PER_PAGE
FIRST = ("Alba", "Brun", "Cora", "Dell", "Eris", "Fenn", "Gala", "Hald", "Ivor", "Jura", "Kest", "Lume")
LAST = ("dite", "lite", "nite", "rite", "spar", "stone", "vite", "xene", "zite", "gem")
STYLE = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:auto}img{width:6rem;height:6rem}.aside{display:none}"
SCRIPT = "for(const e of document.querySelectorAll('[data-stock]'))fetch(e.dataset.stock).then(r=>r.json())"


def record(number: int) -> dict[str, object]:
    """What the catalogue knows of one mineral: this is the data worth copying."""
    name = FIRST[number % len(FIRST)] + LAST[number // len(FIRST) % len(LAST)]
    return {
        "id": number,
        "name": f"{name} {number}",
        "hardness": 1 + number * 7 % 90 / 10,
        "density": 2 + number * 13 % 70 / 10,
        "price": 4 + number * 37 % 400,
    }


def page(title: str, body: str) -> HTMLResponse:
    """A page with the assets of every page, and a link that no person sees."""
    return HTMLResponse(
        f"<!doctype html><html lang=en><title>{escape(title)}</title>"
        '<link rel=stylesheet href="/static/style.css"><script defer src="/static/app.js"></script>'
        '<link rel=icon href="/static/icon.svg"><h1><img alt="" src="/static/logo.svg"> '
        f'{escape(title)}</h1>{body}<p class=aside aria-hidden=true><a href="/trap/prices" rel=nofollow>prices</a></p>'
    )


async def home(_: Request) -> Response:
    links = "".join(f'<li><a href="/catalogue?page={n}">Page {n}</a>' for n in range(1, PAGES + 1))
    return page("Mineral catalogue", f"<ul>{links}</ul>")


async def catalogue(request: Request) -> Response:
    number = _number(request.query_params.get("page", "1"), PAGES)
    last = number * PER_PAGE
    rows = "".join(
        f'<li><a href="/item/{n}">{record(n)["name"]}</a> <img alt="" loading=lazy src="/images/{n}.svg">'
        for n in range(last - PER_PAGE + 1, last + 1)
    )
    return page(f"Catalogue, page {number}", f'<ul>{rows}</ul><a href="/catalogue?page={number % PAGES + 1}">next</a>')


async def item(request: Request) -> Response:
    number = _number(request.path_params["number"], ITEMS)
    facts = "".join(f"<dt>{key}<dd>{value}" for key, value in record(number).items())
    image = f'<img alt="{record(number)["name"]}" src="/images/{number}.svg">'
    return page(str(record(number)["name"]), f'{image}<dl data-stock="/api/stock/{number}">{facts}</dl>')


async def api_items(request: Request) -> Response:
    last = _number(request.query_params.get("page", "1"), PAGES) * PER_PAGE
    return JSONResponse([record(n) for n in range(last - PER_PAGE + 1, last + 1)])


async def api_item(request: Request) -> Response:
    return JSONResponse(record(_number(request.path_params["number"], ITEMS)))


async def stock(request: Request) -> Response:
    number = _number(request.path_params["number"], ITEMS)
    return JSONResponse({"id": number, "stock": number * 17 % 23})


async def feed(_: Request) -> Response:
    entries = "".join(
        f"<item><title>{record(n)['name']}</title><link>http://{HOST}/item/{n}</link></item>" for n in range(1, 11)
    )
    text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>New minerals</title>{entries}</channel></rss>'
    return Response(text, media_type="application/rss+xml")


async def image(request: Request) -> Response:
    hue = _number(request.path_params["number"], ITEMS) * 47 % 360
    return _svg(f'<path fill="hsl({hue} 60% 55%)" d="M50 5 90 30 80 85 30 95 8 40z"/>')


async def static(request: Request) -> Response:
    name = request.path_params["name"]
    if name == "style.css":
        return Response(STYLE, media_type="text/css")
    if name == "app.js":
        return Response(SCRIPT, media_type="text/javascript")
    if name in ("logo.svg", "icon.svg"):
        return _svg('<circle cx="50" cy="50" r="45" fill="teal"/>')
    raise HTTPException(404)


async def health(_: Request) -> Response:
    return PlainTextResponse("ok")


def _svg(shape: str) -> Response:
    return Response(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{shape}</svg>', media_type="image/svg+xml"
    )


def _number(text: str, last: int) -> int:
    """A number from 1 to `last`; anything else is not found here."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= last:
        raise HTTPException(404)
    return int(text)


def catalogue_site() -> Starlette:
    """The site, unguarded."""
    return Starlette(
        routes=[
            Route("/", home),
            Route("/catalogue", catalogue),
            Route("/item/{number}", item),
            Route("/api/items", api_items),
            Route("/api/items/{number}", api_item),
            Route("/api/stock/{number}", stock),
            Route("/images/{number}.svg", image),
            Route("/static/{name}", static),
            Route("/feed.xml", feed),
            Route("/health", health),
        ]
    )
