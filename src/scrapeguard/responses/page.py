"""The page for people: small, self-contained, without script, readable on any screen, in English and Chinese."""

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from html import escape

from scrapeguard.responses.preferences import Language

STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d5dae0;--sheet:#fff;--ground:#f3f5f7;--link:#0a58ca}
@media (prefers-color-scheme:dark){
:root{--ink:#e8ebef;--soft:#a6b0bb;--line:#38414b;--sheet:#1a1f25;--ground:#0f1317;--link:#7fb4ff}}
*{box-sizing:border-box}
body{margin:0;padding:clamp(1rem,6vh,5rem) 1rem;background:var(--ground);color:var(--ink);
font:1rem/1.6 system-ui,-apple-system,"Segoe UI","Noto Sans","PingFang SC","Microsoft YaHei",sans-serif}
main{max-width:38rem;margin:auto;padding:clamp(1.25rem,5vw,2.5rem);background:var(--sheet);
border:1px solid var(--line);border-radius:.75rem;overflow-wrap:anywhere}
.site{margin:0 0 .5rem;color:var(--soft)}
h1{margin:0 0 1rem;font-size:1.6rem;line-height:1.25}
h2{margin:1.75rem 0 .25rem;font-size:1rem}
p,ul{margin:0 0 .5rem}ul{padding-inline-start:1.25rem}
form{margin:1rem 0}
button{font:inherit;padding:.5rem 1rem;border:1px solid var(--soft);border-radius:.5rem;background:var(--ground);
color:var(--ink);cursor:pointer}
progress{display:block;width:100%;height:.5rem;appearance:none;background:var(--ground);border:1px solid var(--soft)}
progress::-webkit-progress-bar{background:var(--ground)}
progress::-webkit-progress-value{background:var(--link)}
progress::-moz-progress-bar{background:var(--link)}
[hidden]{display:none}
.again{font-weight:600}
code{font:600 1.1rem/1.6 ui-monospace,Menlo,Consolas,monospace;user-select:all}
a{color:var(--link)}
"""
HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
).encode()


@dataclass(frozen=True, slots=True)
class Words:
    """What one kind of refusal says at its top."""

    title: str
    lead: str


@dataclass(frozen=True, slots=True)
class Phrases:
    """What every refusal says, in one language."""

    tag: str  # BCP 47
    again: str
    never: str
    units: tuple[str, str, str, str]  # one second, seconds, minutes, hours
    why: str
    standing: str
    mistake: str
    shared: str
    ask: str
    ask_somebody: str
    terms: str
    terms_link: str


PHRASES: dict[Language, Phrases] = {
    "en": Phrases(
        tag="en",
        again="You can try again in {}.",
        never="This does not end by itself.",
        units=("{} second", "{} seconds", "{} minutes", "{} hours"),
        why="Why",
        standing="earlier requests from your network led to this",
        mistake="If this is a mistake",
        shared="You may share your network with others whose requests are counted together with yours.",
        ask="Ask {}, and give this reference:",
        ask_somebody="Ask the operator of this site, and give this reference:",
        terms="Terms",
        terms_link="The terms of this site",
    ),
    "zh": Phrases(
        tag="zh-Hans",
        again="您可以在 {}后重试。",
        never="此限制不会自动解除。",
        units=("{} 秒", "{} 秒", "{} 分钟", "{} 小时"),
        why="原因",
        standing="此前来自您所在网络的请求导致了此限制",
        mistake="如果这是误判",
        shared="您可能与他人共用网络，他们的请求会与您的请求一并计算。",
        ask="请联系 {}，并提供以下编号：",
        ask_somebody="请联系本网站的运营者，并提供以下编号：",
        terms="条款",
        terms_link="本网站的使用条款",
    ),
}


class Page:
    """The page of one site in one language; what does not change from one refusal to the next is made once."""

    def __init__(self, language: Language, site: str, contact: str, terms: str) -> None:
        say = PHRASES[language]
        self.tag = say.tag
        self._say = say
        self._site = f'<p class="site">{escape(site)}</p>' if site else ""
        ask = say.ask.format(linked(contact)) if contact else say.ask_somebody
        self._ask = f"<h2>{say.mistake}</h2><p>{say.shared}</p><p>{ask}</p>"
        link = f'<a href="{escape(terms)}" rel="terms-of-service">{say.terms_link}</a>'
        self._terms = f"<h2>{say.terms}</h2><p>{link}</p>" if terms else ""

    def again(self, seconds: int) -> str:
        """When to try again, as HTML; 0 = it does not end."""
        say = self._say
        told = say.again.format(self.duration(seconds)) if seconds else say.never
        return f'<p class="again">{told}</p>'

    def render(
        self, words: Words, reasons: list[str], standing: bool, reference: str, then: str, head: str = ""
    ) -> bytes:
        """The whole page. `standing`: earlier requests led to it. `then`: what to do now, as HTML."""
        say = self._say
        listed = "".join(f'<li lang="en">{escape(reason)}</li>' for reason in reasons)
        if standing:
            listed += f"<li>{say.standing}</li>"
        why = f"<h2>{say.why}</h2><ul>{listed}</ul>" if listed else ""
        return (
            f'<!doctype html>\n<html lang="{say.tag}">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{words.title}</title>\n<style>{STYLE}</style>\n{head}</head>\n<body>\n<main>\n{self._site}"
            f"<h1>{words.title}</h1>\n<p>{words.lead}</p>\n{then}\n{why}\n{self._ask}\n"
            f"<p><code>{escape(reference)}</code></p>\n{self._terms}\n</main>\n</body>\n</html>\n"
        ).encode("utf-8", "replace")

    def duration(self, seconds: int) -> str:
        """Seconds in words, rounded up to something one can remember."""
        one, some_seconds, minutes, hours = self._say.units
        if seconds <= 90:
            return (one if seconds == 1 else some_seconds).format(seconds)
        if seconds <= 90 * 60:
            return minutes.format(-(-seconds // 60))
        return hours.format(-(-seconds // 3600))


def linked(contact: str) -> str:
    """A contact as HTML: a link where it is a URL or a mail address."""
    text = contact.removeprefix("mailto:")
    if contact.startswith(("https://", "http://", "mailto:")):
        target = contact
    elif "@" in contact and " " not in contact:
        target = f"mailto:{contact}"
    else:
        return escape(contact)
    return f'<a href="{escape(target)}">{escape(text)}</a>'
