"""A DNS server on this machine that knows what a test tells it."""

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.resolver import Resolver

TTL = 60


class NameServer:
    """Answers over UDP from `zone`: {("_imaps._tcp.shop.example", "SRV"): ["0 1 993 mail.shop.example."]}.

    :ivar asked: what was asked for.
    :ivar rcode: what it answers instead, such as "SERVFAIL"; "" for the zone.
    """

    def __init__(self, zone: Mapping[tuple[str, str], Sequence[str]]) -> None:
        self.zone, self.rcode, self.asked = dict(zone), "", set[tuple[str, str]]()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def resolver(self) -> Resolver:
        """One that asks this server alone."""
        client = Resolver(configure=False)
        client.nameservers, client.port = ["127.0.0.1"], self._socket.getsockname()[1]
        client.lifetime = 4.0
        return client

    def close(self) -> None:
        """Stop; an empty datagram wakes the thread."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, peer = self._socket.recvfrom(4096)
            if not data:
                return
            self._socket.sendto(self._answer(dns.message.from_wire(data)).to_wire(), peer)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if self.rcode:
            answer.set_rcode(dns.rcode.from_text(self.rcode))
            return answer
        (question,) = query.question
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked.add((name, kind))
        while target := self.zone.get((name, "CNAME")):
            answer.answer.append(dns.rrset.from_text(f"{name}.", TTL, "IN", "CNAME", *target))
            name = target[0].rstrip(".")
        if found := self.zone.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(f"{name}.", TTL, "IN", kind, *found))
        elif not answer.answer and not any(known == name for known, _ in self.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


@contextmanager
def name_server(zone: Mapping[tuple[str, str], Sequence[str]]) -> Iterator[NameServer]:
    """A server for as long as the block."""
    server = NameServer(zone)
    try:
        yield server
    finally:
        server.close()
