"""What an incident cost: its share of the site's work before, during and after, a licence's price, expenses."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from pathlib import Path
from typing import Any

from scrapeguard.errors import InputError
from scrapeguard.evidence.canonical import Json
from scrapeguard.evidence.entry import REQUEST
from scrapeguard.evidence.incident import Incident
from scrapeguard.evidence.reading import lines, parse, segments

PERIODS = ("before", "during", "after")
LOCATION = re.compile(rb"<(?:\w+:)?loc[\s>]")
EXPENSE = b'{"k":"expense"'
# In a canonical line a quote inside a string is always escaped, so these are the fields that they seem to be.
WORK = re.compile(rb'"t":(\d+),"v":1,"what":\{"bytes":(\d+),.*?,"micros":(\d+),"notices":"')
HELD = b'"rung":"tarpit"'  # a connection that is only held is no work
ASSUMPTIONS = (
    "during is from the first to the last request of the incident; before and after are as long, directly beside it",
    "the load of a period is the requests that this log recorded in it; when only odd ones are recorded, it is not all",
    "micros is the time from the first byte of judging to the last byte of the answer, waiting included; not CPU time",
    "bytes are those of bodies handed over, without headers, TLS and retransmissions",
    "a share says what part this actor was; it does not say that the rest would have been faster or cheaper without it",
    "a licence's price is counted for each different object taken, as if each had been bought once",
    "each object taken is counted as one of the catalogue, also one that is a list, a search or another view of it",
    "expenses are what the operator entered; nothing here checks a bill",
)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """How many objects the site publishes, and who says so."""

    objects: int
    source: str  # "option", "sitemap <SHA-256>" or "settings"


def catalogue(text: str | None) -> Catalogue | None:
    """From a number, or the path of a sitemap file, whose <loc> elements are counted. Raises InputError."""
    if not text:
        return None
    if text.isdigit():
        return Catalogue(int(text), "option") if int(text) else None
    try:
        data = Path(text).read_bytes()
    except OSError as error:
        raise InputError(f"{text!r} is no number, and no file to read.", "Give how many, or a sitemap.") from error
    listed = len(LOCATION.findall(data))
    if not listed or b"<sitemapindex" in data:
        raise InputError(f"{text} lists no page.", "Give a sitemap with <url><loc> elements, not an index of sitemaps.")
    return Catalogue(listed, f"sitemap {sha256(data).hexdigest()}")


def configured(settings: Mapping[str, Any]) -> Catalogue | None:
    """As the settings in force said; None when they did not."""
    own = settings.get("evidence")
    objects = own.get("catalogue") if isinstance(own, dict) else None
    return Catalogue(objects, "settings") if type(objects) is int and objects else None


@dataclass(slots=True)
class Load:
    """What was recorded in a period."""

    requests: int = 0
    bytes: int = 0
    micros: int = 0

    def told(self) -> dict[str, Json]:
        return {"bytes": self.bytes, "micros": self.micros, "requests": self.requests}


@dataclass(slots=True)
class Loss:
    """One incident's; `survey` fills it from the log. `price` is that of one object, with `currency`."""

    incident: Incident
    price: Decimal | None = None
    currency: str = ""
    loads: dict[str, Load] = field(default_factory=lambda: {period: Load() for period in PERIODS})
    expenses: list[Mapping[str, Json]] = field(default_factory=list)
    catalogue: Catalogue | None = None

    def survey(self, directory: Path) -> None:
        """Read the log once; public parts only."""
        first, last = self.incident.first, self.incident.last
        span = max(last - first, 1)
        for path in segments(directory):
            for line in lines(path, 0, _counts):
                if line.raw.startswith(EXPENSE):
                    self._expense(line.raw)
                found = WORK.search(line.raw) if line.whole else None
                if found is None or not first - span <= (time := int(found[1])) <= last + span:
                    continue
                load = self.loads[PERIODS[(time >= first) + (time > last)]]
                load.requests += 1
                load.bytes += int(found[2])
                load.micros += 0 if HELD in line.raw else int(found[3])

    def _expense(self, raw: bytes) -> None:
        record = parse(raw)
        if record and str(record["what"].get("incident", "")) == self.incident.found.id:
            self.expenses.append(record["what"])

    def share(self, what: str) -> int:
        """The actor's part of the load during the incident, in thousandths."""
        whole = getattr(self.loads["during"], what)
        return 1000 * int(getattr(self.incident, what)) // whole if whole else 0

    @property
    def taken(self) -> int | None:
        """The part of the catalogue that was taken, in thousandths; None when its size is not known."""
        known = self.catalogue
        return None if known is None else 1000 * len(self.incident.taken.objects) // known.objects

    @property
    def licence(self) -> Decimal | None:
        return None if self.price is None else self.price * len(self.incident.taken.objects)

    @property
    def spent(self) -> dict[str, Decimal]:
        """The sum of the expenses of each currency."""
        sums: dict[str, Decimal] = {}
        for each in self.expenses:
            try:
                amount = Decimal(str(each.get("amount")))
            except InvalidOperation:
                continue
            currency = str(each.get("currency", ""))
            sums[currency] = sums.get(currency, Decimal()) + amount
        return sums

    def told(self) -> dict[str, Json]:
        """As JSON: integers and strings."""
        incident, known = self.incident, self.catalogue
        return {
            "assumptions": list(ASSUMPTIONS),
            "catalogue": None if known is None else {"objects": known.objects, "source": known.source},
            "catalogue_taken_per_mille": self.taken,
            "expenses": {currency: str(amount) for currency, amount in sorted(self.spent.items())},
            "expenses_listed": [json.loads(json.dumps(each)) for each in self.expenses],
            "incident": {"bytes": incident.bytes, "micros": incident.micros, "requests": incident.requests},
            "licence": None if self.licence is None else f"{self.licence} {self.currency}",
            "licence_each": None if self.price is None else f"{self.price} {self.currency}",
            "loads": {period: load.told() for period, load in self.loads.items()},
            "objects": len(incident.taken.objects),
            "shares_per_mille": {what: self.share(what) for what in ("requests", "bytes", "micros")},
        }


def _counts(raw: bytes) -> bool:
    return raw.startswith((REQUEST, EXPENSE))
