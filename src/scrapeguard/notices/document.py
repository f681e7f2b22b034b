"""A published document as an ASGI app: static bytes, told to everybody, with a digest that tells versions apart."""

from hashlib import sha256

from starlette.types import Receive, Scope, Send

MAX_AGE = 3600  # seconds; a robot should not use a copy older than a day (RFC 9309 2.4)

Fields = list[tuple[bytes, bytes]]


class Document:
    """Answers GET and HEAD with 200, and with 304 whoever names the version he has (RFC 9110 13.1.2)."""

    def __init__(self, body: bytes, media_type: str) -> None:
        self.body = body
        self.digest = sha256(body).hexdigest()
        self._tag = f'"{self.digest[:32]}"'
        self._fields: Fields = [
            (b"etag", self._tag.encode()),
            (b"cache-control", f"max-age={MAX_AGE}".encode()),
        ]
        self._content: Fields = [
            (b"content-type", media_type.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"x-content-type-options", b"nosniff"),
        ]

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        known = self._known(scope)
        headers = self._fields if known else self._fields + self._content
        await send({"type": "http.response.start", "status": 304 if known else 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if known or scope["method"] == "HEAD" else self.body})

    def _known(self, scope: Scope) -> bool:
        given = b",".join(value for name, value in scope["headers"] if name == b"if-none-match").decode("latin-1")
        tags = {tag.strip().removeprefix("W/") for tag in given.split(",")}
        return self._tag in tags or "*" in tags
