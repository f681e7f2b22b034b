"""Where a request stands in a row of numbers: item 41, item 42, item 43; page 1, page 2, page 3."""

import re
from functools import lru_cache
from hashlib import blake2b

from scrapeguard.facts.target import MAX_OBJECT
from scrapeguard.model import Facts, Step

PAGES = re.compile(r"p|pg|pn|pages?|paged|pagina|seite|page_?(?:no|num|number)|offset|start|from|skip|begin|first")
IDS = re.compile(
    r"ids?|[a-z]{1,3}id|(?:item|product|article|post|doc|record|entry)(?:_?id)?"
    r"|t|no|nr|num|number|idx|index|rec|key"
)
DIGIT = re.compile(r"\d")
# A date is no step: /2024/05/, /2024/05/12, 2024-05-12, 20240512.
DATE = re.compile(
    r"(?<=/)(?:19|20)\d\d/(?:0?[1-9]|1[0-2])(?:/(?:0?[1-9]|[12]\d|3[01]))?(?=/|$)"
    r"|(?:19|20)\d\d[-_.](?:0[1-9]|1[0-2])(?:[-_.](?:0[1-9]|[12]\d|3[01]))?(?!\d)"
    r"|(?<!\d)(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)"
)
WHOLE = re.compile(r"(\d{1,15})(\.[A-Za-z][\w.]*)?")  # 123, 123.html
LAST = re.compile(r"(?:(.*)(?<=[-_.=~]))?([A-Za-z]{0,12})(?<!\d)(\d{1,15})(\.[A-Za-z]\w{0,9})?")  # item-123.html, p123
FIRST = re.compile(r"(\d{1,15})[-_.~][A-Za-z].*")  # 123-a-title
MAX_SEGMENT, MAX_FAMILY = 128, 200
REMEMBERED = 4096


def step_of(facts: Facts) -> Step | None:
    """The family of URLs this one belongs to and its number in it; None when it has none.

    A page or id parameter of the query counts before the path, unless it says "first page"; of several, pages count
    before ids. Of the path it is the last segment that is a number, or else the last segment with one at its end or
    beginning. The family keeps the host, the shape of the path, and the names of the parameters, not their values.
    Dates, and numbers of more than 15 digits, are no steps.
    """
    return step_in(facts.host or "", facts.object)


@lru_cache(REMEMBERED)
def step_in(host: str, wanted: str) -> Step | None:
    """The same for what is asked for on a host."""
    if len(wanted) >= MAX_OBJECT:
        return None
    path, _, query = wanted.partition("?")  # escapes decoded, cache busters dropped
    if not query:  # "/item/41", the commonest walk, needs no patterns; a date has eight digits, or more than one part
        head, _, last = path.rpartition("/")
        if last.isdigit() and last.isascii() and len(last) <= 15 and len(last) != 8 and not DIGIT.search(head):
            return f"{host}{head}/#"[:MAX_FAMILY], int(last)
    if not DIGIT.search(wanted):
        return None
    shape, number = _in_path(path)
    names = ""
    if query:
        names, asked = _in_query(query)
        if asked is not None and (asked > 1 or number is None):
            number = asked
    if number is None:
        return None
    return f"{host}{shape}{names}"[:MAX_FAMILY], number


def place_of(facts: Facts) -> tuple[int, int | None]:
    """The family of URLs a request is in, as a digest, and its number there; None = it has none, but a folder."""
    step = step_of(facts)
    if step is not None:
        return digest(step[0]), step[1]
    return digest(f"{facts.host or ''}{facts.object.partition('?')[0].rpartition('/')[0]}/"), None


def digest(text: str) -> int:
    """48 bits, for what is compared and need not be read."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).digest(), "big")


def _in_path(path: str) -> tuple[str, int | None]:
    """The path with "#" for its numbers and "*" for dates and free text, and the number that counts."""
    if not DIGIT.search(path) or not path.startswith("/"):
        return path, None
    segments = DATE.sub("*", path).split("/")
    number = None
    for place in range(len(segments) - 1, 0, -1):
        whole = WHOLE.fullmatch(segments[place])
        if whole is None:
            continue
        segments[place] = f"#{whole[2] or ''}"
        if number is None:
            number = int(whole[1])
            segments[place + 1 :] = ["*" if "-" in text else text for text in segments[place + 1 :]]
    if number is None:
        last = -1 if segments[-1] else -2  # "/item-123" and "/item-123/"
        segments[last], number = _in_segment(segments[last])
    return "/".join(segments), number


def _in_segment(text: str) -> tuple[str, int | None]:
    """The last segment's shape and number: "item-123.html" is item-#.html, "red-shoe-123" and "123-red-shoe" are *."""
    if len(text) > MAX_SEGMENT:
        return text, None
    last = LAST.fullmatch(text)
    if last is not None:
        before = last[1] or ""
        word = before if before.count("-") + before.count("_") < 2 else "*-"
        return f"{word}{last[2]}#{last[4] or ''}", int(last[3])
    first = FIRST.fullmatch(text)
    if first is not None:
        return "#-*", int(first[1])
    return text, None


def _in_query(query: str) -> tuple[str, int | None]:
    """The names of the parameters, "#" behind the one that counts, and its number."""
    names: list[str] = []
    best, number, rank = -1, None, 0
    for part in query.split("&", 32)[:32]:
        name, _, value = part.partition("=")
        names.append(name)
        lower = name[:32].lower()
        weight = 2 if PAGES.fullmatch(lower) else 1 if IDS.fullmatch(lower) else 0
        if weight >= rank and weight and value.isascii() and value.isdigit() and len(value) <= 15:
            best, number, rank = len(names) - 1, int(value), weight
    if number is not None:
        names[best] += "=#"
    return f"?{'&'.join(names)}", number
