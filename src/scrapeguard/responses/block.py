"""Block: 403. Nothing is served until the standing ends."""

from scrapeguard.model import Facts, Verdict
from scrapeguard.responses.page import Words
from scrapeguard.responses.preferences import Language
from scrapeguard.responses.refusal import House, Refusal

WORDS: dict[Language, Words] = {
    "en": Words(
        "Access is refused for now",
        "Requests from your network look like the work of a program that copies this site, so they are refused.",
    ),
    "zh": Words("访问暂时被拒绝", "来自您所在网络的请求看起来像是程序在大量复制本网站的内容，因此被拒绝。"),
}
DENIED: dict[Language, Words] = {
    "en": Words("Access is refused", "The operator of this site does not accept requests from your network."),
    "zh": Words("访问被拒绝", "本网站的运营者不接受来自您所在网络的请求。"),
}


def block(house: House, verdict: Verdict, facts: Facts) -> Refusal:
    words = DENIED if verdict.cause == "deny-list" else WORDS
    return Refusal(house, 403, "about:blank", "Forbidden", words, verdict, facts)
