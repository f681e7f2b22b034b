"""The bundle's README: what is in it, how to check it with common tools, and what it does not prove."""

from textwrap import fill

NOT_PROVED = """\
Who the person is. An address is a place in a network; one person can use many, and many can share one.
That a record was true when it was written. The log shows later changes, not first untruths.
When the log was written, by any clock but this server's own. No third party has confirmed a time or a digest.
That nothing is missing. A request that never reached the log left no trace; what the log knows to be missing is listed.
That none of the actor's own lines was left out at the export. Of other visitors only digests are here.
Intent. A signal is an observation with a number and a limit; what it means is for the reader to judge.
That the objects are protected by law. Requests and bytes are counted here, and no legal opinion is given.
""".splitlines()

README = """\
EVIDENCE OF ONE INCIDENT
========================

Incident  {incident}
Actor     {actor}
From      {first}
To        {last}
Signer    {key}

What is here
------------
analysis/report.html        for reading: what was forbidden, how it was protected, what they were
                            told, how they came back, how much was taken. Open it in a browser.
analysis/incident.json      the same figures for machines; times are microseconds since 1970, UTC
log/SEGMENT/records.jsonl   the actor's requests as they were recorded, byte for byte, and the
                            records that say what was in force. One line is one record.
log/SEGMENT/chain.txt       number and SHA-256 of every line of that segment of the log, other
                            people's requests included, which are not shown
notices/SHA256              robots.txt and the other notices, as they were served
config/SHA256.json          the settings in force, without secrets
manifest.json               every file with its size and SHA-256
manifest.sig                the Ed25519 signature of manifest.json, 64 bytes
keys/signer.pem             the public key that made it
sha256sums.txt              the same digests in the form that sha256sum reads

How to check it
---------------
0. The key above and in keys/signer.pem came with this bundle. It proves who signed only if you
   have the same key by another road: the site's own publication, a contract, a letter. Compare it.

1. No file was changed or lost since the export. Unpack, and in the folder run

       sha256sum -c --strict sha256sums.txt

   sha256sum does not see files that were added: there must be no file that is neither in
   sha256sums.txt nor one of sha256sums.txt, manifest.json and manifest.sig. The digests of
   sha256sums.txt and those of manifest.json must be the same.

2. The signer signed this manifest (OpenSSL 3.0 or later; the file after -in cannot be a pipe):

       openssl pkeyutl -verify -pubin -inkey keys/signer.pem -rawin \\
               -in manifest.json -sigfile manifest.sig

   It answers "Signature Verified Successfully". `openssl dgst` cannot do this for Ed25519.

3. A record belongs where it is said to be. For line N of a records.jsonl:

       sed -n Np records.jsonl | tr -d '\\n' | sha256sum

   The answer stands in chain.txt beside the record's "seq", and the record's "prev" stands in
   chain.txt one number before. A changed, added, dropped or moved record breaks this.

4. All of it at once, with the figures counted again from the records:

       scrapeguard verify BUNDLE.zip --key KEY

   Exit code 0: verified with your key. 1: invalid, the file and line are named. 2: no bundle.
   3: consistent, but only by the key that came with it. 4: consistent, and the log itself says
   that records are missing.

A record
--------
"k" kind, "seq" number in its segment, "prev" SHA-256 of the line before (without the newline),
"t" time of the event in microseconds since 1970 UTC, "mono" the machine's monotonic clock,
"what" facts that name nobody, "who" personal facts. Values of query parameters that look like
secrets are replaced by "*". Cookies, passwords, keys and bodies are never recorded. A request
with "source" was read from an access log: "file" is the SHA-256 of that log, "line" its line.

What this does not prove
------------------------
{caveats}

This bundle holds personal data. Keep it as long as the case needs it, and no longer.
"""


def readme(incident: str, actor: str, first: str, last: str, key: str) -> str:
    """README.txt for one bundle."""
    caveats = "\n".join(fill(text, 95, initial_indent="- ", subsequent_indent="  ") for text in NOT_PROVED)
    return README.format(incident=incident, actor=actor, first=first, last=last, key=key, caveats=caveats)
