"""The bundle's README: what is in it, how to check it with common tools, and what it does not prove."""

import base64
from textwrap import fill

from scrapeguard.evidence.checkpoint import Verifier

NOT_PROVED = """\
Who the person is. An address is a place in a network; one person can use many, and many can share one.
That a record was true when it was written. The log shows later changes, not first untruths.
That a log was not kept twice. Who holds the log's key can sign two trees that differ, and show each to somebody else; \
only a witness that remembers, or a second bundle to compare with, shows it. Who has the witness's key too, hides it.
Times before the first time stamp. A time stamp proves that a record existed by then, never that it did not before.
Whatever a thief of the log's key who also reaches the time-stamp authority invents from that moment on.
That nothing is missing. A request that never reached the log left no trace; a process that is killed takes with it \
those that it was answering, and the few not written yet, of which evidence.fsync_records and fsync_ms in its settings \
are the bounds. What the log knows to be missing is listed.
That no process told of a gap later: the counts say how many gaps and other records about itself the log had when the \
last hour was closed; who could write again only after that told it behind the stretch that is shown.
Records of the hour that was not closed yet: the counts are by hour.
That several addresses are one person, or that an address which is not here is not the same actor. A link is an \
inference; how often it would join strangers is counted in the log by its keeper, and who imitates others can be joined.
What the reports say in words, in HTML or PDF, and what stands in statements, charts and references.json. They are a \
reading of the records, which the seal dates and does not prove. verify.py counts again incident.json, but for its \
story (evasion, who, what followed a measure), requests.csv, validity.csv and the sums of loss.json; the load of \
others, prices, expenses and the catalogue's size it takes as said.
Intent. A signal is an observation with a number and a limit; what it means is for the reader to judge.
That the objects are protected by law. Requests and bytes are counted here, and no legal opinion is given.
""".splitlines()

README = """\
EVIDENCE OF ONE INCIDENT (中文说明在后半部分)
========================

Incident  {incident}
Actor     {actor}
From      {first}
To        {last}
Log key   {key}

What is here
------------
data/analysis/report.en.html   for reading; report.zh.html is the same in Chinese (中文报告)
data/analysis/                 the figures for machines, requests by hour, what it cost, how it was counted
data/log/MONTH/                signed tree heads (C2SP checkpoints) with their time stamps, every leaf hash of
                               the stretch concerned, the disclosed records byte for byte, their disclosures
data/notices/  data/configs/   robots.txt and other notices as served, settings in force (no secrets)
data/exhibits/*.warc           whole exchanges, where capture was switched on; README.txt there says what is left out
data/certificates/             DRAFTS of statements, for a person to check and sign
data/custody/case.jsonld       the files and their digests as a CASE/UCO graph
seal/                          the signature over all of it, and time stamps

How to check it
---------------
The key above, the time-stamp authority's root and the witness's key came with this bundle or are known to
its maker. They prove something only to somebody who has them by another road: the site's own publication,
a contract, a letter, the authority. Call them VKEY and ROOT.pem. Then, in the unpacked folder:

1. Nothing was changed since the export:

       sha256sum -c --strict --quiet manifest-sha256.txt
       sha256sum -c --strict --quiet tagmanifest-sha256.txt
       sha256sum -c --strict --quiet seal/seal-sha256.txt

   sha256sum does not see added files; `bagit.py --validate .` does under data/, verify.sh everywhere.

2. The log's key sealed it (OpenSSL 3.0 or later). The key as openssl reads it:

{pem}
       openssl pkeyutl -verify -pubin -inkey KEY.pem -rawin \\
               -in seal/seal-sha256.txt -sigfile seal/seal-sha256.txt.sig

3. It existed when the authority says:

       openssl ts -verify -data tagmanifest-sha256.txt -in seal/tagmanifest-sha256.txt.*.tsr -CAfile ROOT.pem

4. The core of it with bash and openssl; it says what it leaves out:

       bash verify.sh --key VKEY --tsa-root ROOT.pem

5. All of it (Python 3.11, `pip install cryptography`; get verify.py from us or elsewhere, not from here):

       python verify.py BUNDLE --key VKEY --tsa-root ROOT.pem [--witness VKEY]

   ANCHORED and WITNESSED (exit code 0): all checks hold, by what you brought along.
   CONSISTENT-UNANCHORED (3): it does not contradict itself; its maker could have made it yesterday.
   INCOMPLETE (4): the checks hold, and something is known to be missing, or when is not proved.
   INVALID (1): a check fails, with its number, file and line. 2: this is no bundle.

A record
--------
"k" kind, "seq" number in its writer's file, "prev" SHA-256 of the line before (without the newline), "t"
time of the event in microseconds since 1970 UTC, "mono" the machine's monotonic clock, "what" facts that
name nobody. Requests also have "sd", SHA-256 of their disclosures; "sub", the client's pseudonym of the
day; "n", the number of this record among those of its writer, hour and pseudonym; "win", the hour. A
disclosure is ["SALT","NAME",VALUE]. Each hour's numbers are committed to by a "window.close", and with
them how many records of each other kind there were ("events"): that is how an omitted one shows.
Cookies, passwords, keys and requests' bodies are never recorded.

What this does not prove
------------------------
{caveats}

This bundle holds personal data. Keep it as long as the case needs it, and no longer.
"""
HEAD = bytes.fromhex("302a300506032b6570032100")  # what precedes the 32 bytes of an Ed25519 key in DER


def readme(incident: str, actor: str, first: str, last: str, key: str) -> str:
    """README.txt for one bundle; `key` is a vkey."""
    caveats = "\n".join(fill(text, 95, initial_indent="- ", subsequent_indent="  ") for text in NOT_PROVED)
    return README.format(
        incident=incident, actor=actor, first=first, last=last, key=key, caveats=caveats, pem=_pem(key)
    )


def _pem(key: str) -> str:
    body = base64.b64encode(HEAD + Verifier.parse(key).key).decode()
    lines = ("-----BEGIN PUBLIC KEY-----", body, "-----END PUBLIC KEY-----")
    return "".join(f"       {line}\n" for line in lines)
