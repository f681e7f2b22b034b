"""Challenge: 403, and a page on which the browser does a small task by itself: a calculation, or without script a wait.

Only a page that somebody looks at is asked for in this way; programs are told in words what they would have to do. The
ladder for people: a calculation of a fraction of a second; where there is no script, or no https and so no means to
calculate, a wait and one request more; always a button for that, which a keyboard reaches, and whom to ask.
"""

from dataclasses import dataclass, field
from html import escape
from urllib.parse import quote
from zlib import crc32

from starlette.types import Receive, Scope, Send

from scrapeguard.model import Facts, Verdict
from scrapeguard.responses.page import HASH, Words
from scrapeguard.responses.preferences import Language, language, wants_page
from scrapeguard.responses.refusal import ABNORMAL_USAGE, House, Refusal
from scrapeguard.responses.way import back, root_of, target

POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'sha256-{HASH}'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
).encode()
WORDS: dict[Language, Words] = {
    "en": Words(
        "One moment, please",
        "Before this page is sent, your browser does a short task by itself. To a reader it costs a moment; to a "
        "program that copies the whole site it costs dear. You need not click anything.",
    ),
    "zh": Words(
        "请稍候",
        "在发送此页面之前，您的浏览器会自动完成一个小任务。这对读者只需片刻，对大量复制本网站的程序却代价高昂。您无需点击任何内容。",
    ),
}
PROGRAM = (
    "This page is sent to browsers that answer a challenge, and to programs that were not asked to. Open it in a "
    "browser, slow down, or ask for a licence."
)


@dataclass(frozen=True, slots=True)
class Phrases:
    """What the page says besides, in one language; {} is a number of seconds."""

    working: str
    done: str
    failed: str
    waiting: str
    unscripted: str
    otherwise: str
    button: str
    failures: dict[str, str] = field(default_factory=dict)  # why an answer was not accepted


PHRASES: dict[Language, Phrases] = {
    "en": Phrases(
        working="Your browser is calculating…",
        done="Done. The page is on its way.",
        failed="The calculation did not succeed. Please use the button instead.",
        waiting="Your browser cannot calculate here, so it waits a few seconds instead.",
        unscripted="Your browser runs no scripts, and need not: the page follows by itself in {} seconds.",
        otherwise="If nothing happens, press this button, {} seconds or more after this page came:",
        button="Continue without a calculation",
        failures={
            "hasty": "That was a little early. Please wait some seconds before you press the button.",
            "expired": "The page had been open for so long that its task was over. Here is a new one.",
            "": "That answer could not be accepted. Here is a new task.",
        },
    ),
    "zh": Phrases(
        working="您的浏览器正在计算…",
        done="已完成，页面即将显示。",
        failed="计算未能完成，请改用下方按钮。",
        waiting="您的浏览器在此无法进行计算，因此改为等待几秒钟。",
        unscripted="您的浏览器未运行脚本，也无需运行：页面将在 {} 秒后自动显示。",
        otherwise="如果没有任何反应，请在此页面显示至少 {} 秒后按下此按钮：",
        button="不经计算继续",
        failures={
            "hasty": "稍早了一点，请等待几秒钟后再按按钮。",
            "expired": "此页面打开的时间过长，任务已失效。这是一个新的任务。",
            "": "该答案未被接受。这是一个新的任务。",
        },
    ),
}


def challenge(house: House, verdict: Verdict, facts: Facts) -> "Challenge":
    return Challenge(house, verdict, facts)


@dataclass(frozen=True, slots=True)
class Challenge:
    """The page, or for programs the words, as an ASGI app. `failure`: why the answer before this was not accepted."""

    house: House
    verdict: Verdict
    facts: Facts
    to: str | None = None  # where the visitor wanted to go; None = what was asked for
    failure: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        house, verdict, facts = self.house, self.verdict, self.facts
        if scope["type"] != "http" or not navigates(facts):
            words = {**WORDS, "en": Words(WORDS["en"].title, PROGRAM)}
            refusal = Refusal(house, 403, ABNORMAL_USAGE, "A challenge has to be answered", words, verdict, facts)
            await refusal(scope, receive, send)
            return
        spoken = language(facts.headers.get("accept-language") if facts.headers else None, house.language)
        page, root = house.pages[spoken], root_of(scope)
        to = target(facts.path, facts.query, root) if self.to is None else self.to
        reasons = [signal.reason for signal in verdict.signals if signal.mode == "enforce"]
        held, wait = verdict.cause == "standing", house.tasks.wait(facts)
        then, head = self._task(spoken, root, to, wait), _head(house, root, to, wait)
        body = page.render(WORDS[spoken], reasons, held, facts.reference, then, head)
        fields = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-language", page.tag.encode()),
            (b"content-security-policy", POLICY),
            (b"vary", b"Cookie, Sec-Fetch-Mode, Sec-Fetch-Dest"),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": 403, "headers": house.fields + fields})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _task(self, spoken: Language, root: str, to: str, wait: str) -> str:
        """What there is to do, as HTML."""
        house, say = self.house, PHRASES[spoken]
        tasks, settings = house.tasks, house.tasks.settings
        gate, seconds, score = root + settings.prefix, settings.wait_seconds, self.verdict.score
        failed = ""
        if self.failure is not None:
            failed = f'<p class="again">{say.failures.get(self.failure, say.failures[""])}</p>\n'
        told = {
            "challenge": tasks.work(self.facts, score),
            "most": str(tasks.most(score)),
            "pass": f"{gate}pass",
            "back": back(gate, to),
            "to": to,
            "wait": str(seconds),
            "working": say.working,
            "done": say.done,
            "failed": say.failed,
            "waiting": say.waiting,
        }
        data = "".join(f' data-{name}="{escape(value)}"' for name, value in told.items())
        return (
            f'{failed}<div id="task"{data}>\n<p class="again" id="told" role="status"></p>\n'
            f'<progress id="bar" max="1" value="0" aria-labelledby="told" hidden></progress>\n</div>\n'
            f'<noscript><p class="again">{say.unscripted.format(seconds)}</p></noscript>\n'
            f'<form id="otherwise" method="post" action="{escape(gate)}pass">\n<p>{say.otherwise.format(seconds)}</p>\n'
            f'<input type="hidden" name="to" value="{escape(to)}"><input type="hidden" name="wait" value="{wait}">\n'
            f"<button>{say.button}</button>\n</form>"
        )


def navigates(facts: Facts) -> bool:
    """Whether a browser would show somebody the answer, as a page of its own."""
    if facts.headers is None or not wants_page(facts.headers.get("accept")):
        return False
    mode, shown = facts.headers.get("sec-fetch-mode"), facts.headers.get("sec-fetch-dest")
    return mode in (None, "navigate") and shown in (None, "document")


def _head(house: House, root: str, to: str, wait: str) -> str:
    """Without script the browser comes back by itself; with it, the script does the task."""
    settings = house.tasks.settings
    gate = escape(root + settings.prefix)
    follow = f"{gate}pass?wait={wait}&amp;to={quote(to, safe='')}"
    return (
        f'<noscript><meta http-equiv="refresh" content="{settings.wait_seconds}; url={follow}"></noscript>\n'
        f'<script src="{gate}work.js?{crc32(house.script):x}" defer></script>\n'
    )
