"""A site worth copying: 5,000 minerals as pages with assets, search, pagination, a feed, a sitemap and a JSON API."""

import re
import secrets
from html import escape
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

ITEMS = 5000
PER_PAGE = 20
PAGES = ITEMS // PER_PAGE
FIRST = ("Alba", "Brun", "Cora", "Dell", "Eris", "Fenn", "Gala", "Hald", "Ivor", "Jura", "Kest", "Lume")
LAST = ("dite", "lite", "nite", "rite", "spar", "stone", "vite", "xene", "zite", "gem")
STYLE = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:auto}img{width:6rem;height:6rem}.aside{display:none}"
SCRIPT = """const show = (box, text) => { box.textContent = text }
for (const box of document.querySelectorAll('[data-stock]'))
  fetch(box.dataset.stock).then(answer => answer.json()).then(found => show(box, found.stock + ' in stock'))
for (const box of document.querySelectorAll('[data-live]'))
  setInterval(() => fetch(box.dataset.live + '?since=' + Date.now()).then(answer => answer.json())
    .then(found => show(box, found.visitors)), 2000)
"""
ONE = re.compile(r"/(?:item|api/items)/(\d{1,9})")


def items_in(target: str) -> range:
    """The items whose record the answer to this request target holds: the data worth copying."""
    path, _, query = target.partition("?")
    one = ONE.fullmatch(path)
    if one is not None:
        number = int(one[1])
        return range(number, number + 1) if 1 <= number <= ITEMS else range(0)
    if path == "/api/items":
        page = parse_qs(query).get("page", ["1"])[0]
        if page.isdigit() and 1 <= int(page) <= PAGES:
            return range(int(page) * PER_PAGE - PER_PAGE + 1, int(page) * PER_PAGE + 1)
    return range(0)


def name_of(number: int) -> str:
    return f"{FIRST[number % len(FIRST)]}{LAST[number // len(FIRST) % len(LAST)]} {number}"


def record(number: int) -> dict[str, object]:
    """What the catalogue knows of one mineral."""
    return {
        "id": number,
        "name": name_of(number),
        "hardness": 1 + number * 7 % 90 / 10,
        "density": 2 + number * 13 % 70 / 10,
        "price": 4 + number * 37 % 400,
    }


def page(request: Request, title: str, body: str) -> Response:
    """A page with the assets of every page, a session cookie, and a link that no person sees."""
    answer = HTMLResponse(
        f"<!doctype html><html lang=en><title>{escape(title)}</title>"
        '<link rel=stylesheet href="/static/style.css"><script defer src="/static/app.js"></script>'
        '<link rel=icon href="/static/icon.svg"><link rel=alternate type="application/rss+xml" href="/feed.xml">'
        f'<h1><a href="/"><img alt="home" src="/static/logo.svg"></a> {escape(title)}</h1>'
        '<form action="/search"><input name=q aria-label=search></form>'
        f'{body}<p class=aside aria-hidden=true><a href="/trap/prices" rel=nofollow>prices</a></p>'
    )
    if "sid" not in request.cookies:
        answer.set_cookie("sid", secrets.token_hex(8), httponly=True, samesite="lax")
    return answer


def rows(numbers: list[int]) -> str:
    links = (
        f'<li><a class=item href="/item/{n}">{name_of(n)}</a> <img alt="" loading=lazy src="/images/{n}.svg">'
        for n in numbers
    )
    return f"<ul>{''.join(links)}</ul>"


def turning(address: str, number: int, last: int) -> str:
    """Links to the pages around this one."""
    near = (n for n in range(number - 3, number + 4) if 1 <= n <= last and n != number)
    return "<nav>" + " ".join(f'<a class=turn href="{address}page={n}">{n}</a>' for n in near) + "</nav>"


async def home(request: Request) -> Response:
    groups = "".join(f'<li><a class=turn href="/catalogue?page={n}">Shelf {n}</a>' for n in range(1, PAGES, 25))
    return page(request, "Minerals", f'<ul>{groups}</ul>{rows([37, 412, 1290, 2718, 3141])}<a href="/live">live</a>')


async def catalogue(request: Request) -> Response:
    number = _number(request.query_params.get("page", "1"), PAGES)
    shown = list(range(number * PER_PAGE - PER_PAGE + 1, number * PER_PAGE + 1))
    return page(request, f"Catalogue, page {number}", rows(shown) + turning("/catalogue?", number, PAGES))


async def search(request: Request) -> Response:
    word = request.query_params.get("q", "")[:40]
    found = [n for n in range(1, ITEMS + 1) if word.lower() in name_of(n).lower()]
    last = max(1, -(-len(found) // PER_PAGE))
    number = _number(request.query_params.get("page", "1"), last)
    shown = found[number * PER_PAGE - PER_PAGE : number * PER_PAGE]
    return page(request, f"Found for {word}", rows(shown) + turning(f"/search?q={escape(word)}&amp;", number, last))


async def item(request: Request) -> Response:
    number = _number(request.path_params["number"], ITEMS)
    known = "".join(f"<dt>{key}<dd>{value}" for key, value in record(number).items())
    image = f'<img alt="{name_of(number)}" src="/images/{number}.svg">'
    alike = rows([(number * k + 11) % ITEMS + 1 for k in (3, 7, 19, 31)])
    return page(request, name_of(number), f'{image}<dl>{known}</dl><p data-stock="/api/stock/{number}"></p>{alike}')


async def live(request: Request) -> Response:
    return page(request, "Now on this site", '<p data-live="/api/live"></p>')


async def api_live(_: Request) -> Response:
    return JSONResponse({"visitors": 12})


async def api_items(request: Request) -> Response:
    last = _number(request.query_params.get("page", "1"), PAGES) * PER_PAGE
    return JSONResponse([record(n) for n in range(last - PER_PAGE + 1, last + 1)])


async def api_item(request: Request) -> Response:
    return JSONResponse(record(_number(request.path_params["number"], ITEMS)))


async def stock(request: Request) -> Response:
    number = _number(request.path_params["number"], ITEMS)
    return JSONResponse({"id": number, "stock": number * 17 % 23})


async def feed(request: Request) -> Response:
    entries = "".join(
        f"<item><title>{name_of(n)}</title><link>{request.base_url}item/{n}</link></item>" for n in range(1, 21)
    )
    text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>New minerals</title>{entries}</channel></rss>'
    return Response(text, media_type="application/rss+xml")


async def sitemap(request: Request) -> Response:
    places = "".join(f"<url><loc>{request.base_url}item/{n}</loc></url>" for n in range(1, ITEMS + 1))
    text = f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{places}</urlset>'
    return Response(text, media_type="application/xml")


async def image(request: Request) -> Response:
    hue = _number(request.path_params["number"], ITEMS) * 47 % 360
    return _svg(f'<path fill="hsl({hue} 60% 55%)" d="M50 5 90 30 80 85 30 95 8 40z"/>')


async def static(request: Request) -> Response:
    name = request.path_params["name"]
    if name in ("logo.svg", "icon.svg"):
        return _svg('<circle cx="50" cy="50" r="45" fill="teal"/>')
    kinds = {"style.css": (STYLE, "text/css"), "app.js": (SCRIPT, "text/javascript")}
    if name not in kinds:
        raise HTTPException(404)
    text, media_type = kinds[name]
    return Response(text, media_type=media_type, headers={"Cache-Control": "max-age=3600"})


async def health(_: Request) -> Response:
    return PlainTextResponse("ok")


def _svg(shape: str) -> Response:
    return Response(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{shape}</svg>',
        media_type="image/svg+xml",
        headers={"Cache-Control": "max-age=3600"},
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
            Route("/search", search),
            Route("/item/{number}", item),
            Route("/live", live),
            Route("/api/live", api_live),
            Route("/api/items", api_items),
            Route("/api/items/{number}", api_item),
            Route("/api/stock/{number}", stock),
            Route("/images/{number}.svg", image),
            Route("/static/{name}", static),
            Route("/feed.xml", feed),
            Route("/sitemap.xml", sitemap),
            Route("/health", health),
        ]
    )
