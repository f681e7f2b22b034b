"""What the site's own answers say about what robots may do: response headers, added where the site is silent."""

from collections.abc import Iterable, Iterator

from scrapeguard.notices.purposes import Purposes, content_usage, robots_tag
from scrapeguard.notices.rsl import MEDIA_TYPE
from scrapeguard.notices.settings import LICENSE, NoticeSettings
from scrapeguard.notices.tdm import reservation

Pair = tuple[bytes, bytes]


class Headers:
    """Added to an answer, each unless the answer has a header of that name already (a Link: of that relation)."""

    def __init__(self, settings: NoticeSettings, policy: Purposes) -> None:
        self.pairs = tuple(_pairs(settings, policy))
        self._names = frozenset(name for name, _ in self.pairs)

    def __bool__(self) -> bool:
        return bool(self.pairs)

    def added(self, given: Iterable[Pair]) -> list[Pair]:
        """The headers of an answer, as ASGI has them, with ours after them."""
        given = list(given)
        there = [(name.lower(), value) for name, value in given if name.lower() in self._names]
        return [*given, *(self.pairs if not there else _missing(self.pairs, there))]

    def text(self) -> bytes:
        """As they stand in an answer."""
        return b"".join(name + b": " + value + b"\r\n" for name, value in self.pairs)


def _missing(ours: tuple[Pair, ...], there: list[Pair]) -> Iterator[Pair]:
    for name, value in ours:
        relation = value.partition(b"; ")[2].split(b"; ")[0] if name == b"link" else b""
        if not any(name == other and relation in said for other, said in there):
            yield name, value


def _pairs(settings: NoticeSettings, policy: Purposes) -> Iterator[Pair]:
    wanted = settings.headers
    if "link" in wanted:
        if settings.terms_url:
            yield b"link", f'<{settings.terms_url}>; rel="terms-of-service"'.encode()
        if "license" in settings.publish:
            yield b"link", f'<{settings.absolute(LICENSE)}>; rel="license"; type="{MEDIA_TYPE}"'.encode()
    if "tdm" in wanted:
        yield from ((name.encode(), str(value).encode()) for name, value in reservation(settings, policy).items())
    if "usage" in wanted and content_usage(policy):
        yield b"content-usage", content_usage(policy).encode()
    if "robots-tag" in wanted and robots_tag(policy):
        yield b"x-robots-tag", robots_tag(policy).encode()
