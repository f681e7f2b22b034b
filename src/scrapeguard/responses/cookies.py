"""The page for who passed the challenge and came back without the pass: a browser that keeps no cookie of this site."""

from dataclasses import dataclass
from html import escape

from starlette.types import Receive, Scope, Send

from scrapeguard.model import Facts
from scrapeguard.responses.page import POLICY, Words
from scrapeguard.responses.preferences import Language, language
from scrapeguard.responses.refusal import House

WORDS: dict[Language, Words] = {
    "en": Words(
        "Your browser kept no cookie",
        "You have done what was asked. That is noted in a cookie of this site, and your browser did not send it back. "
        "Please allow cookies for this site, then go on; the cookie says only that, and ends by itself.",
    ),
    "zh": Words(
        "您的浏览器没有保存 Cookie",
        "您已完成所需的步骤。这一结果记录在本网站的一个 Cookie 中，但您的浏览器没有将其发回。"
        "请允许本网站使用 Cookie，然后继续；该 Cookie 仅用于此目的，并会自动失效。",
    ),
}
ON: dict[Language, str] = {"en": "Go on", "zh": "继续"}


@dataclass(frozen=True, slots=True)
class Uncarried:
    """403, with what to do and whom to ask."""

    house: House
    facts: Facts
    to: str

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        headers = self.facts.headers
        spoken = language(headers.get("accept-language") if headers is not None else None, self.house.language)
        page = self.house.pages[spoken]
        then = f'<p class="again"><a href="{escape(self.to)}">{ON[spoken]}</a></p>'
        body = page.render(WORDS[spoken], [], False, self.facts.reference, then)
        fields = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-language", page.tag.encode()),
            (b"content-security-policy", POLICY),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": 403, "headers": self.house.fields + fields})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
