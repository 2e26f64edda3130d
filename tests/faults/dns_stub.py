"""A name server on this machine that answers as told, or not at all."""

import contextlib
import socket
import threading

import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset


class StubDNS:
    """``records`` are lines of a zone file; ``rcode`` answers everything with that error;
    ``is_silent`` says nothing. ``asked`` counts the questions.
    """

    def __init__(self, *records, rcode=None, is_silent=False):
        self._records, self._rcode, self._is_silent = records, rcode, is_silent
        self.asked = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._stop = threading.Event()
        self._socket.settimeout(0.05)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        self._stop.set()
        self._thread.join(5)
        self._socket.close()

    def _serve(self):
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                wire, whence = self._socket.recvfrom(4096)
                self.asked += 1
                if not self._is_silent:
                    self._socket.sendto(self._answer(wire), whence)

    def _answer(self, wire):
        question = dns.message.from_wire(wire)
        answer = dns.message.make_response(question, recursion_available=True)
        if self._rcode is not None:
            answer.set_rcode(self._rcode)
            return answer.to_wire()
        for line in self._records:
            name, ttl, _, kind, *words = line.split(" ")
            rrset = answer.find_rrset(
                answer.answer,
                dns.name.from_text(name),
                dns.rdataclass.IN,
                dns.rdatatype.from_text(kind),
                create=True,
            )
            one = dns.rrset.from_text(name, int(ttl), "IN", kind, " ".join(words))
            rrset.update(one)
        return answer.to_wire()
