"""Where a letter goes: configured routes, MX in order, every way a domain says no or nothing."""

from types import SimpleNamespace

import dns.exception
import dns.resolver
import pytest

from directory.models import WhitelistSnapshot
from tests.factories.outbox import PRACTICE_DOMAIN
from webmail.outbound.routing import (
    Host,
    NoRouteError,
    Unroutable,
    check_list_is_fresh,
    check_recipient,
    find_hosts,
    is_configured,
    is_public,
)

DOMAIN = "labo.mssante.example"


@pytest.fixture
def mx(monkeypatch, settings):
    """DNS as told: records as (preference, name), or an error."""
    settings.SMTP_PORT_OUT = 25

    def tell(answer):
        def resolve(name, kind, *, lifetime):
            assert (name, kind) == (DOMAIN, "MX")
            assert lifetime <= 10
            if isinstance(answer, Exception):
                raise answer
            return [SimpleNamespace(preference=p, exchange=n) for p, n in answer]

        monkeypatch.setattr(dns.resolver, "resolve", resolve)

    return tell


def refusal():
    with pytest.raises(NoRouteError) as caught:
        find_hosts(DOMAIN)
    return caught.value.reason, caught.value.permanent


def test_configured_route_is_asked_before_dns(settings, mx):
    mx(AssertionError("DNS must not be asked"))
    settings.MAIL_ROUTES = {DOMAIN: ("mx.local.example", 2525)}
    assert find_hosts(DOMAIN) == [Host("mx.local.example", 2525)]
    assert is_configured(Host("mx.local.example", 2525))
    assert not is_configured(Host("mx.local.example", 25))


def test_hosts_come_in_the_order_of_their_preference(mx):
    mx([(20, "mx2.labo.example."), (5, "mx1.labo.example."), (30, "mx3.labo.example.")])
    assert find_hosts(DOMAIN) == [Host(f"mx{n}.labo.example", 25) for n in (1, 2, 3)]


def test_hosts_of_equal_preference_are_tried_in_any_order(mx):
    """RFC 5321 §5.1: so that they share the load."""
    mx([(10, f"mx{n}.labo.example.") for n in range(6)])
    orders = {tuple(host.name for host in find_hosts(DOMAIN)) for _ in range(40)}
    assert len(orders) > 1
    assert {frozenset(order) for order in orders} == {
        frozenset(f"mx{n}.labo.example" for n in range(6))
    }


def test_chance_never_puts_a_host_before_a_preferred_one(mx):
    mx([(n // 3, f"mx{n}.labo.example.") for n in range(9)])
    for _ in range(40):
        names = [host.name for host in find_hosts(DOMAIN)]
        assert [int(name[2]) // 3 for name in names] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_long_list_of_hosts_is_cut(mx):
    mx([(n, f"mx{n}.labo.example.") for n in range(50)])
    assert len(find_hosts(DOMAIN)) == 10


def test_domain_without_mx_is_its_own_host(mx):
    mx(dns.resolver.NoAnswer(response=SimpleNamespace(question="q")))
    assert find_hosts(DOMAIN) == [Host(DOMAIN, 25)]


def test_domain_that_does_not_exist_is_permanent(mx):
    mx(dns.resolver.NXDOMAIN())
    assert refusal() == ("no_such_domain", True)


def test_null_mx_is_permanent(mx):
    mx([(0, ".")])
    assert refusal() == ("takes_no_mail", True)


@pytest.mark.parametrize(
    "error",
    [
        dns.exception.Timeout(),
        dns.resolver.LifetimeTimeout(timeout=10, errors=[]),
        dns.resolver.NoNameservers(),
        dns.resolver.NoResolverConfiguration(),
    ],
)
def test_silent_dns_is_transient(mx, error):
    mx(error)
    assert refusal() == ("dns_unavailable", False)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
    ],
)
def test_address_of_our_own_network_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::fe"])
def test_address_of_the_world_is_public(address):
    assert is_public(address)


@pytest.mark.django_db(databases="__all__")
class TestWithList:
    @pytest.mark.usefixtures("trust_space")
    def test_listed_domain_is_writable_however_it_is_spelt(self):
        assert check_recipient(f" Hugo.Petit@{PRACTICE_DOMAIN.upper()}") is None

    @pytest.mark.usefixtures("trust_space")
    def test_route_alone_does_not_make_a_domain_trusted(self, settings):
        settings.MAIL_ROUTES = {"ailleurs.example": ("127.0.0.1", 25)}
        assert check_recipient("a@ailleurs.example") == Unroutable.OUTSIDE

    @pytest.mark.usefixtures("trust_space")
    def test_subdomain_of_a_listed_domain_is_outside(self):
        assert check_recipient(f"a@sous.{PRACTICE_DOMAIN}") == Unroutable.OUTSIDE

    def test_missing_list_holds_mail_back(self):
        with pytest.raises(NoRouteError) as caught:
            check_list_is_fresh()
        assert (caught.value.reason, caught.value.permanent) == ("whitelist_stale", False)

    def test_version_in_force_is_given(self, trust_space):
        assert check_list_is_fresh() == WhitelistSnapshot.objects.get(is_active=True).pk
