"""An authoritative name server of our own, on loopback, for tests: honest names, forged ones and none."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dnslib import AAAA, PTR, QTYPE, RCODE, RR, A, DNSLabel, DNSRecord
from dnslib.server import DNSHandler, DNSLogger, DNSServer


class Zone:
    """Answers from two tables and counts the questions. What is in neither does not exist."""

    def __init__(self) -> None:
        self.names: dict[str, list[tuple[bytes, ...]]] = {}  # address in reverse form -> labels of its names
        self.addresses: dict[str, list[str]] = {}  # name -> addresses
        self.broken: set[str] = set()  # questions that the server fails at
        self.asked: list[str] = []

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        question = str(request.q.qname).rstrip(".").lower()
        self.asked.append(question)
        reply = request.reply()
        if question in self.broken:
            reply.header.rcode = RCODE.SERVFAIL
            return reply
        for labels in self.names.get(question, ()):
            reply.add_answer(RR(request.q.qname, QTYPE.PTR, ttl=60, rdata=PTR(DNSLabel(labels))))
        for address in self.addresses.get(question, ()):
            kind, data = (QTYPE.AAAA, AAAA(address)) if ":" in address else (QTYPE.A, A(address))
            if kind == request.q.qtype:
                reply.add_answer(RR(request.q.qname, kind, ttl=60, rdata=data))
        if not self.names.get(question) and question not in self.addresses:
            reply.header.rcode = RCODE.NXDOMAIN
        return reply


@contextmanager
def serving(zone: Zone) -> Iterator[str]:
    """The zone on a port of 127.0.0.1, as "127.0.0.1:5353"."""
    server = DNSServer(zone, port=0, address="127.0.0.1", logger=DNSLogger("-request,-reply,-truncated,-error"))
    thread = threading.Thread(target=server.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server.server_address[1]}"
    finally:
        server.server.shutdown()
        thread.join()
        server.server.server_close()


@contextmanager
def silent() -> Iterator[str]:
    """A port that takes every question and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
        hole.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{hole.getsockname()[1]}"
