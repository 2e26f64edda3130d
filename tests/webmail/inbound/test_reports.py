"""What other operators say of our letters: believed from the one who has the letter, kept as plain
mail from any other.
"""

import pytest

from accounts.audit.models import AuditEvent
from directory.models import TrustedDomain
from directory.trust.whitelist import refresh_whitelist
from mssante.demo.operators import HOSPITAL, PRACTICE
from tests.factories.letters import MARTIN, PETIT
from tests.factories.spooled import make_delivery, spool
from webmail.inbound.pipeline import process
from webmail.models import DeliveryState, Message, MessageState, SpoolState

pytestmark = pytest.mark.django_db(databases="__all__")

OUR_ID = "notre-lettre@ch.example"


def dsn(action, *, recipient=PETIT, original=OUR_ID, status="5.1.1", final=None):
    return f"""From: MAILER-DAEMON@mss.cabinet-tilleuls.example
To: {MARTIN}
Subject: Rapport
Message-ID: <rapport-{action}@mss.cabinet-tilleuls.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

Rapport.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mss.cabinet-tilleuls.example

Final-Recipient: rfc822; {final or recipient}
Original-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 unknown

--b
Content-Type: text/rfc822-headers

Message-ID: <{original}>

--b--
""".replace("\n", "\r\n").encode()


def mdn(disposition, *, recipient=PETIT, original=OUR_ID):
    return f"""From: {PETIT}
To: {MARTIN}
Subject: Accusé
Message-ID: <accuse@cabinet-tilleuls.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary=b

--b
Content-Type: text/plain

Lu.
--b
Content-Type: message/disposition-notification

Final-Recipient: rfc822; {recipient}
Original-Message-ID: <{original}>
Disposition: {disposition}

--b--
""".replace("\n", "\r\n").encode()


@pytest.fixture
def dn_of(in_toy_space):
    refresh_whitelist()
    return lambda operator: TrustedDomain.objects.get(domain=operator.domain).dn


@pytest.fixture
def delivery(martin_box):
    return make_delivery(martin_box)


@pytest.fixture
def report(martin_box, dn_of):
    """A report comes in by the whole of the pipeline; it is a letter in the box in any case."""

    def bring(raw, *, operator=PRACTICE, sender=""):
        peer_dn = dn_of(operator) if operator else ""
        inbound = spool(martin_box, raw=raw, envelope_from=sender, peer_dn=peer_dn)
        process(inbound.pk)
        inbound.refresh_from_db()
        assert inbound.state == SpoolState.DONE, inbound.problem
        assert inbound.recipients.get().deposited_at is not None

    return bring


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        (dsn("failed"), DeliveryState.FAILED),
        (dsn("delivered", status="2.0.0"), DeliveryState.DELIVERED),
        (dsn("delayed", status="4.0.0"), DeliveryState.ACCEPTED),
        (dsn("relayed", status="2.0.0"), DeliveryState.ACCEPTED),
        (dsn("expanded", status="2.0.0"), DeliveryState.ACCEPTED),
        (mdn("manual-action/MDN-sent-manually; displayed"), DeliveryState.READ),
        (mdn("manual-action/MDN-sent-automatically; Displayed"), DeliveryState.READ),
        (mdn("automatic-action/MDN-sent-automatically; processed"), DeliveryState.DELIVERED),
        (mdn("automatic-action/MDN-sent-automatically; deleted"), DeliveryState.DELIVERED),
        (mdn("automatic-action/MDN-sent-automatically; dispatched"), DeliveryState.DELIVERED),
        (
            mdn("automatic-action/MDN-sent-automatically; processed/error\r\nError: 902^inconnu"),
            DeliveryState.FAILED,
        ),
        (
            mdn("automatic-action/MDN-sent-automatically; processed/Error: 902^patient inconnu"),
            DeliveryState.FAILED,
        ),
    ],
)
def test_report_of_the_right_peer_moves_the_delivery(report, delivery, raw, state):
    report(raw)
    delivery.refresh_from_db()
    assert delivery.state == state


def test_what_the_peer_said_is_kept_for_the_operator(report, delivery):
    report(dsn("failed"))
    delivery.refresh_from_db()
    assert (delivery.reason, delivery.enhanced_code) == ("reported", "5.1.1")
    assert delivery.diagnostic == "550 5.1.1 unknown"


@pytest.mark.parametrize("raw", [dsn("failed"), mdn("manual-action/MDN-sent-manually; displayed")])
@pytest.mark.parametrize("operator", [HOSPITAL, None])
def test_forged_report_is_plain_mail(report, delivery, raw, operator):
    report(raw, operator=operator)
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.ACCEPTED
    assert Message.objects.filter(state=MessageState.RECEIVED).count() == 1


@pytest.mark.parametrize(
    "raw",
    [
        dsn("failed", original="inconnue@ch.example"),
        dsn("failed", original=""),
        dsn("failed", recipient="autre@cabinet-tilleuls.mssante.example"),
        dsn("failed", recipient=MARTIN),
        dsn("failed").replace(b"multipart/report", b"multipart/mixed"),
        mdn("manual-action/MDN-sent-manually; displayed", original="x@y.example"),
    ],
)
def test_report_on_a_letter_that_is_not_ours_is_ignored(report, delivery, raw):
    report(raw)
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.ACCEPTED


def test_recipient_is_recognised_whatever_the_case(report, delivery):
    report(dsn("delivered", recipient=PETIT.upper()))
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DELIVERED


def test_second_report_is_kept_and_changes_nothing(report, delivery):
    report(dsn("failed"))
    report(mdn("manual-action/MDN-sent-manually; displayed"))
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.FAILED
    kept = AuditEvent.objects.get(event="delivery:report:kept")
    assert kept.detail == {"delivery": delivery.pk, "report": "read"}


def test_report_names_each_of_its_recipients(martin_box, dn_of, report, delivery):
    raw = dsn("delivered").replace(
        b"--b\r\nContent-Type: text/rfc822-headers",
        b"Final-Recipient: rfc822; inconnu@cabinet-tilleuls.mssante.example\r\n"
        b"Action: failed\r\n\r\n--b\r\nContent-Type: text/rfc822-headers",
    )
    report(raw)
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DELIVERED


def test_reader_s_report_does_not_reach_a_copy_that_was_received(martin_box, dn_of, report):
    spool(martin_box)
    report(dsn("failed", original="lettre-1@cabinet-tilleuls.mssante.example"))
    assert Message.objects.count() == 1
