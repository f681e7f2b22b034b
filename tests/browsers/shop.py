"""The site that browsers visit: numbered pages with a link, a picture and a form, guarded as GUARD_CONFIG says."""

import os

from starlette.types import Receive, Scope, Send

from scrapeguard import ScrapeGuard

PAGE = """<!doctype html><html lang="en"><head><title>Item {0} of the shop</title></head><body><h1>Item {0}</h1>
<img src="/static/{0}.png" alt=""><p><a id="next" href="/item/{1}">Next</a></p></body></html>"""


async def shop(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    number = scope["path"].rpartition("/")[2]
    picture = number.endswith(".png")
    body = b"" if picture else PAGE.format(number, int(number) + 1 if number.isdigit() else 1).encode()
    kind = b"image/png" if picture else b"text/html; charset=utf-8"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": body})


application = ScrapeGuard(shop, os.environ["GUARD_CONFIG"])
