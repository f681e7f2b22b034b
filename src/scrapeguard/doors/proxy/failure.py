"""What a visitor is told when the site behind the sidecar does not answer: a page for people, data for programs."""

import json
from html import escape
from http import HTTPStatus

from starlette.types import Send

from scrapeguard.model import Facts
from scrapeguard.responses.page import POLICY, STYLE
from scrapeguard.responses.preferences import Language, language, wants_page

WORDS: dict[Language, tuple[str, str, str]] = {
    "en": (
        "This site does not answer just now",
        "The fault is not yours. Please try again in a moment; if it lasts, give the operator this reference:",
        "en",
    ),
    "zh": ("本网站暂时没有响应", "这不是您的问题。请稍后重试；如果问题持续，请向运营者提供以下编号：", "zh-Hans"),
}
REQUEST: dict[Language, tuple[str, str, str]] = {
    "en": ("This request cannot be passed on", "It is not written as the web's rules ask. Its reference:", "en"),
    "zh": ("无法转发此请求", "该请求不符合网络协议的规定。编号：", "zh-Hans"),
}


async def answer(send: Send, facts: Facts, method: str, status: int, why: str = "") -> None:
    """Send the response; `why` is told of a request that was malformed, and only then."""
    fields = [
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept, Accept-Language"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-robots-tag", b"noindex"),
    ]
    words = WORDS if status in (502, 503, 504) else REQUEST
    if facts.headers is not None and wants_page(facts.headers.get("accept")):
        title, lead, tag = words[language(facts.headers.get("accept-language"), "en")]
        body = (
            f'<!doctype html>\n<html lang="{tag}">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
            f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p>{lead}</p>\n"
            f"<p><code>{escape(facts.reference)}</code></p>\n</main>\n</body>\n</html>\n"
        ).encode()
        fields += [(b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", POLICY)]
        fields.append((b"content-language", tag.encode()))
    else:
        body = json.dumps(
            {
                "type": "about:blank",
                "title": HTTPStatus(status).phrase,
                "status": status,
                "detail": why or words["en"][0],
                "instance": f"urn:scrapeguard:{facts.reference}",
                "reference": facts.reference,
            }
        ).encode()
        fields.append((b"content-type", b"application/problem+json"))
    fields.append((b"content-length", str(len(body)).encode()))
    if status == 503:
        fields.append((b"retry-after", b"1"))
    if status < 500 or status == 501:
        fields.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
