"""A name server that lies, errs or says nothing, asked on the wire by the product's resolver."""

import dns.rcode
import dns.resolver
import pytest

from tests.factories.outbox import PRACTICE_DOMAIN, send
from tests.faults.dns_stub import StubDNS
from webmail.outbound import routing
from webmail.outbound.routing import find_hosts
from webmail.outbound.tasks import drain_peer

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

MX = f"{PRACTICE_DOMAIN}. 60 IN MX"


@pytest.fixture
def names(monkeypatch, settings):
    """Start name servers; the last one is asked for everything that has no route."""
    servers = []
    settings.MAIL_ROUTES = {}
    monkeypatch.setattr(routing, "_DNS_SECONDS", 1)

    def start(*records, **script):
        server = StubDNS(*records, **script)
        servers.append(server)
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.port
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        return server

    yield start
    for one in servers:
        one.close()


@pytest.fixture
def post(trust_space, martin_box, dr_martin, settings):
    settings.MAIL_ROUTES = {}

    def post():
        letter = send(martin_box, dr_martin)
        drain_peer(PRACTICE_DOMAIN)
        row = letter.deliveries.get()
        return row.state, row.reason

    return post


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ({"is_silent": True}, ("deferred", "dns_unavailable")),
        ({"rcode": dns.rcode.SERVFAIL}, ("deferred", "dns_unavailable")),
        ({"rcode": dns.rcode.REFUSED}, ("deferred", "dns_unavailable")),
        ({"rcode": dns.rcode.NXDOMAIN}, ("failed", "no_such_domain")),
    ],
)
def test_error_of_dns_is_for_now_and_only_a_no_is_for_good(names, post, script, expected):
    server = names(**script)
    assert post() == expected
    assert server.asked > 0


def test_domain_that_takes_no_mail_is_told_at_once(names, post):
    names(f"{MX} 0 .")
    assert post() == ("failed", "takes_no_mail")


@pytest.mark.parametrize(
    "host", ["127.0.0.1.", "10.0.0.1.", "169.254.169.254.", "localhost.", "192.168.0.1."]
)
def test_name_that_leads_into_our_own_network_is_not_followed(
    names, post, make_peer, settings, host
):
    peer = make_peer()
    settings.MAIL_ROUTES = {}
    settings.SMTP_PORT_OUT = peer.port
    names(f"{MX} 10 {host}")
    assert post() == ("deferred", "unreachable")
    assert peer.connections == 0


def test_fifty_hosts_are_ten_attempts(names):
    names(*(f"{MX} {number} mx{number}.labo.example." for number in range(50)))
    assert [one.name for one in find_hosts(PRACTICE_DOMAIN)] == [
        f"mx{number}.labo.example" for number in range(10)
    ]


def test_names_that_point_at_each_other_are_an_error_for_now(names, post):
    names(
        f"{PRACTICE_DOMAIN}. 60 IN CNAME un.labo.example.",
        f"un.labo.example. 60 IN CNAME {PRACTICE_DOMAIN}.",
    )
    assert post() == ("deferred", "dns_unavailable")
