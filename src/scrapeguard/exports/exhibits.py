"""Exhibits: captured exchanges as WARC files (ISO 28500, WARC 1.1) that any tool for web archives reads.

    data/exhibits/<month>-<leaf>.warc   the answer and the request of one record, each with SHA-256 digests
                  index.csv             each exhibit with its SHA-256 and the record it belongs to
                  README.txt            what they are, and what was left out of them

Nothing in them is new: every byte follows from the record, from its disclosures `client` and `exchange`, and from its
place in the log. So the verifier writes each exhibit again and compares; a WARC's own digests do not cover its headers.
"""

import base64
import csv
import json
import uuid
from dataclasses import astuple, dataclass, fields
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

from scrapeguard.exports.words import EPOCH

FOLDER = "data/exhibits"
SPACE = uuid.UUID("0a4f4f56-3f0b-5c0f-8a35-1f5d6a1c9b72")
ABOUT = """\
Exhibits are whole exchanges of single visits, request and answer, as the guard saw them between server and site: names
of headers in lower case, nothing of TLS, chunks or compression by a proxy in front. They are WARC 1.1 files.

Each belongs to one record of data/log/: index.csv names its leaf. The record commits to the exchange (its disclosure
"exchange" in disclosures.txt), and the exhibit says the same in another form, byte for byte: verify.py writes it again
and compares. `warcio check -v` checks the digests inside; it does not see a changed header or a missing record.

WARC-Date is the time of the request, by the log. ScrapeGuard-Client is the address and port of the visitor (the field
WARC-IP-Address is for those of servers), ScrapeGuard-Record the log and the leaf. A header whose value is "*" was sent
with another value, which is not kept: cookies, credentials, and all that are not listed. The values of query parameters
that may be secret are "*" as well. The body of a request is never kept, nor that of an answer to a request with a
credential, or of a type that was not to be kept. WARC-Truncated: length marks what is longer than was kept (the digests
are of what is here), unspecified an answer without its body, disconnect one that was broken off.

Captured are the first few exchanges of a visitor in an hour and on each rung, no more: what is not here is not proof
that nothing else was asked. There are {count} in this bundle.
"""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One of them, as the index has it."""

    file: str
    sha256: str
    leaf: int
    time: str
    client: str
    status: int
    reference: str
    body: str  # "whole", or what of it is not there


class Exhibits:
    """Collects the exhibits of a bundle that is laid out in `out`."""

    def __init__(self, out: Path) -> None:
        self._folder = out / FOLDER
        self._all: list[Exhibit] = []

    def add(self, month: str, origin: str, index: int, raw: bytes, told: dict[str, str]) -> None:
        """Write the exhibit of a record, given as its line and its disclosures by group; those without are passed."""
        if "exchange" not in told:
            return
        record, client = json.loads(raw), json.loads(told["client"])[2]
        exchange = json.loads(told["exchange"])[2]
        data = warc(record, client, exchange, f"{origin} {index}", sha256(raw).hexdigest())
        name = f"{month}-{index}.warc"
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / name).write_bytes(data)
        what, kept = record["what"], "; ".join([*exchange["cut"], exchange["left_out"]]).strip("; ")
        whose = (date(record["t"]), client["address"], what["status"], what["ref"], kept or "whole")
        self._all.append(Exhibit(name, sha256(data).hexdigest(), index, *whose))

    def close(self) -> tuple[Exhibit, ...]:
        """Write the index and the README; answers the exhibits."""
        self._folder.mkdir(parents=True, exist_ok=True)
        text = StringIO()
        names = [each.name for each in fields(Exhibit)]
        csv.writer(text, lineterminator="\n").writerows([names, *map(astuple, self._all)])
        (self._folder / "index.csv").write_text(text.getvalue())
        (self._folder / "README.txt").write_text(ABOUT.format(count=len(self._all)))
        return tuple(self._all)


def warc(record: dict[str, Any], client: dict[str, Any], exchange: dict[str, Any], place: str, line: str) -> bytes:
    """One exchange as WARC: the answer, if there was one, and the request. `line`: SHA-256 of the record's line."""
    what, cut = record["what"], exchange["cut"]
    head, asked, body = (base64.b64decode(exchange[name]) for name in ("response", "request", "body"))
    ids = {kind: f"<urn:uuid:{uuid.uuid5(SPACE, f'{line} {kind}')}>" for kind in ("response", "request")}
    common = [
        ("WARC-Date", date(record["t"])),
        ("WARC-Target-URI", exchange["uri"]),
        ("ScrapeGuard-Client", f"{client['address']} {client['port'] or '-'}"),
        ("ScrapeGuard-Record", place),
        ("ScrapeGuard-Reference", what["ref"]),
    ]
    written = b""
    if head:
        long = "length" if {"body", "response"} & set(cut) else "" if what["complete"] else "disconnect"
        other = [("WARC-Concurrent-To", ids["request"])]
        short = "unspecified" if exchange["left_out"] else long
        written += _written("response", ids["response"], common + other, short, head, body)
    other = [("WARC-Concurrent-To", ids["response"])] if head else []
    written += _written("request", ids["request"], common + other, "length" if "request" in cut else "", asked, b"")
    return written


def _written(kind: str, name: str, described: list[tuple[str, str]], short: str, head: bytes, body: bytes) -> bytes:
    block = head + body
    lines = [
        ("WARC-Type", kind),
        ("WARC-Record-ID", name),
        *described,
        *([("WARC-Truncated", short)] if short else []),
        ("WARC-Block-Digest", f"sha256:{sha256(block).hexdigest()}"),
        ("WARC-Payload-Digest", f"sha256:{sha256(body).hexdigest()}"),
        ("Content-Type", f"application/http; msgtype={kind}"),
        ("Content-Length", str(len(block))),
    ]
    told = "".join(f"{field}: {value}\r\n" for field, value in lines)
    return f"WARC/1.1\r\n{told}\r\n".encode() + block + b"\r\n\r\n"


def date(micros: int) -> str:
    """As WARC 1.1 writes times (W3C-DTF), to the microsecond."""
    return (EPOCH + timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
