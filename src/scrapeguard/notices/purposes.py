"""What robots may do here, purpose by purpose: the one policy that every notice is written from."""

from dataclasses import dataclass
from typing import Literal

from scrapeguard.facts.agent import catalogue

Stance = Literal["allow", "refuse", "unstated"]
USES = {"search": "search", "ai_train": "training", "ai_input": "assistant", "archive": "archive", "preview": "preview"}
ALSO = {  # tokens that no request names as its agent, or whose robots do other things as well
    "ai_train": (
        "anthropic-ai", "Applebot-Extended", "Brightbot", "CCBot", "cohere-training-data-crawler", "Dataprovider",
        "Diffbot", "FacebookBot", "Google-Extended", "img2dataset", "omgili", "TikTokSpider", "Webzio-Extended",
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Purposes:
    """[notices.policy]: each may be allowed, refused, or left open, which neither grants nor forbids it."""

    search: Stance = "allow"  # an index, with links and short excerpts
    ai_train: Stance = "refuse"  # training models, and collecting data for that
    ai_input: Stance = "unstated"  # answers of assistants that read the page when they are asked
    archive: Stance = "unstated"  # copies for posterity
    preview: Stance = "unstated"  # what a messenger shows of a link

    def stances(self) -> dict[str, Stance]:
        """The stance on each purpose."""
        return {
            "search": self.search,
            "ai_train": self.ai_train,
            "ai_input": self.ai_input,
            "archive": self.archive,
            "preview": self.preview,
        }

    def stated(self) -> dict[str, Stance]:
        """The same, without what is left open."""
        return {name: stance for name, stance in self.stances().items() if stance != "unstated"}

    def reserved(self) -> int | None:
        """Whether text and data mining is reserved: 1, 0, or None where nothing is said."""
        return {"refuse": 1, "allow": 0, "unstated": None}[self.ai_train]


def tokens(purpose: str) -> list[str]:
    """The product tokens of all known robots that come for a purpose, whoever runs them."""
    named = {crawler.token for crawler in catalogue().crawlers if crawler.use == USES[purpose]}
    return sorted(named | set(ALSO.get(purpose, ())), key=str.lower)


def content_signal(policy: Purposes) -> str:
    """The value of a Content-Signal line (contentsignals.org): search, ai-input, ai-train; yes or no."""
    words = {"allow": "yes", "refuse": "no"}
    keys = {"search": "search", "ai_input": "ai-input", "ai_train": "ai-train"}
    said = policy.stated()
    return ", ".join(f"{key}={words[said[name]]}" for name, key in keys.items() if name in said)


def content_usage(policy: Purposes) -> str:
    """The value of a Content-Usage line or header (AIPREF): a dictionary of y and n (RFC 9651).

    `ai-use` is of the newer drafts; who does not know a label ignores it.
    """
    words = {"allow": "y", "refuse": "n"}
    keys = {"ai_train": "train-ai", "ai_input": "ai-use", "search": "search"}
    said = policy.stated()
    return ", ".join(f"{key}={words[said[name]]}" for name, key in keys.items() if name in said)


def robots_tag(policy: Purposes) -> str:
    """The value of X-Robots-Tag: only what is refused has a word there. Nobody has promised to obey noai."""
    words = {"search": "noindex", "archive": "noarchive", "preview": "nosnippet", "ai_train": "noai, noimageai"}
    said = policy.stated()
    return ", ".join(word for name, word in words.items() if said.get(name) == "refuse")
