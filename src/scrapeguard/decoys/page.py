"""What a decoy leads to: a small page, always the same for the same address, with a few more decoys and nothing else.

It is no maze: it costs next to nothing to make, and each further one is another trap entered, on record.
"""

from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from scrapeguard.decoys import Decoys

ONWARD = 3  # links to further decoys
LONGEST = 200  # characters of the address that are looked at
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="robots" content="noindex, nofollow"><title>{title}</title></head>
<body><main><h1>{title}</h1>
<p>This part of the site is forbidden to robots, and no page shows a link to it. There is nothing here for people:
if you are one, nothing is wrong, please go back.</p>
<ul>{links}</ul></main></body>
</html>
"""


@dataclass(frozen=True, slots=True)
class DecoyPage:
    """The page at one address, as an ASGI app."""

    decoys: Decoys
    path: str

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        body = self.render().encode()
        fields = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"x-robots-tag", b"noindex, nofollow"),
            (b"content-security-policy", b"default-src 'none'"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def render(self) -> str:
        own = self.path[:LONGEST]
        onward = [self.decoys.path(own, number) for number in range(ONWARD)]
        links = "".join(f'<li><a href="{path}">{_titled(path)}</a></li>' for path in onward)
        return PAGE.format(title=_titled(self.decoys.path(own)), links=links)


def _titled(path: str) -> str:
    """Words from an address that we made ourselves."""
    folder, name = (part.rpartition("-")[0] for part in path.strip("/").split("/"))
    return f"{folder.capitalize()}: {name}"
