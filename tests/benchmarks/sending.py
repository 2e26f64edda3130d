"""Letters handed to a sink by one sender, in a process of its own: ``python -m
tests.benchmarks.sending JSON``.

The sender is ours or the standard library's with what everybody can do for it: no Nagle's delay,
one shared context, kept connections. Standard output gets the rate, and what a megabyte cost in
processor time. It knows the conversation and no row.
"""

import json
import smtplib
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from tests.benchmarks.letters import Template, make_template
from tests.check.steps import say
from webmail.outbound.letters import Letter
from webmail.outbound.smtp import Conversation, connect

TIMEOUT = 120
EHLO = "mss.source.example"
SENDER, RECIPIENT = "a@source.example", "b@sink.example"
_PIECE = 1024 * 1024  # As contents are kept: frames of one MiB.


@dataclass(frozen=True, slots=True)
class Errand:
    who: str  # ``ours`` or ``smtplib``.
    port: int
    letters: int
    size: int
    connections: int
    tag: str
    certificate: str
    key: str
    anchors: str
    is_kept: bool = True


@dataclass(frozen=True, slots=True)
class Done:
    rate: float
    cpu_ms_per_mb: float


def run(errand: Errand) -> Done:
    """Raises what a sender raises when a letter was not taken."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(errand.anchors)
    context.load_cert_chain(errand.certificate, errand.key)
    open_line = {"ours": _open_ours, "smtplib": _open_smtplib}[errand.who]
    template = make_template(errand.size, sender=SENDER, recipient=RECIPIENT)
    share = errand.letters // errand.connections
    ready = threading.Barrier(errand.connections + 1, timeout=TIMEOUT)
    failures: list[Exception] = []

    def send_share(number: int) -> None:
        try:
            _send(errand, template, range(number * share, (number + 1) * share), ready, opened)
        except Exception as error:  # noqa: BLE001  (Handed to the main thread, which raises it.)
            failures.append(error)
            ready.abort()

    def opened() -> "Line":
        return open_line(errand, context)

    threads = [threading.Thread(target=send_share, args=(n,)) for n in range(errand.connections)]
    for thread in threads:
        thread.start()
    if not failures:
        ready.wait()
    began, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    if failures:
        raise failures[0]
    letters = share * errand.connections
    return Done(letters / seconds, cpu * 1000 / (letters * errand.size / 1e6))


@dataclass(frozen=True, slots=True)
class Line:
    send: Callable[[bytes], None]
    close: Callable[[], None]


def _send(
    errand: Errand,
    template: Template,
    numbers: range,
    ready: threading.Barrier,
    opened: Callable[[], Line],
) -> None:
    kept = opened() if errand.is_kept else None
    ready.wait()
    for number in numbers:
        line = kept or opened()
        line.send(template.letter(errand.tag, number))
        if kept is None:
            line.close()
    if kept is not None:
        kept.close()


def _open_ours(errand: Errand, context: ssl.SSLContext) -> Line:
    conversation = connect(
        "127.0.0.1",
        errand.port,
        context=context,
        ehlo_name=EHLO,
        connect_timeout=TIMEOUT,
        timeout=TIMEOUT,
        allow_address=lambda _address: True,
    )
    return Line(
        lambda content: _send_ours(conversation, content),
        lambda: conversation.__exit__(None, None, None),
    )


def _send_ours(conversation: Conversation, content: bytes) -> None:
    pieces = [content[at : at + _PIECE] for at in range(0, len(content), _PIECE)]
    letter = Letter(SENDER, (RECIPIENT,), len(content), lambda: pieces)
    answers = conversation.send(letter, before_dot=lambda: None)
    if not answers[RECIPIENT].is_ok:
        raise RuntimeError(f"not taken: {answers[RECIPIENT].code}")


def _open_smtplib(errand: Errand, context: ssl.SSLContext) -> Line:
    client = smtplib.SMTP("127.0.0.1", errand.port, local_hostname=EHLO, timeout=TIMEOUT)
    if client.sock is None:
        raise RuntimeError("no connection")
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.starttls(context=context)
    client.ehlo()
    return Line(lambda content: _send_smtplib(client, content), lambda: _quit(client))


def _send_smtplib(client: smtplib.SMTP, content: bytes) -> None:
    refused = client.sendmail(SENDER, [RECIPIENT], content)
    if refused:
        raise RuntimeError("not taken")


def _quit(client: smtplib.SMTP) -> None:
    client.quit()


def main() -> int:
    say(json.dumps(asdict(run(Errand(**json.loads(sys.argv[1]))))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
