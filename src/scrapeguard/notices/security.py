"""security.txt (RFC 9116): whom researchers, and operators of robots that were stopped by mistake, can tell."""

from collections.abc import Iterator

from scrapeguard.notices.settings import NoticeSettings

PATH = "/.well-known/security.txt"


def security_file(settings: NoticeSettings) -> bytes:
    """The file, of the fields that are known."""
    return ("\n".join(_lines(settings)) + "\n").encode()


def _lines(settings: NoticeSettings) -> Iterator[str]:
    yield f"Contact: {settings.contact_url()}"
    yield f"Expires: {settings.security_expires}"
    yield "Preferred-Languages: en, zh"
    if settings.url.startswith("https://"):
        yield f"Canonical: {settings.absolute(PATH)}"
