"""Throttle: 429 (RFC 6585 section 4). Slower, and all is well."""

from scrapeguard.model import Facts, Verdict
from scrapeguard.responses.page import Words
from scrapeguard.responses.preferences import Language
from scrapeguard.responses.refusal import ABNORMAL_USAGE, House, Refusal

WORDS: dict[Language, Words] = {
    "en": Words(
        "Please wait a moment",
        "Your network is asking this site for more than it can give to one visitor, so this page was not sent.",
    ),
    "zh": Words("请稍候片刻", "来自您所在网络的请求超出了本网站对单个访客的限度，因此未发送此页面。"),
}


def throttle(house: House, verdict: Verdict, facts: Facts) -> Refusal:
    return Refusal(house, 429, ABNORMAL_USAGE, "Abnormal usage detected", WORDS, verdict, facts)
