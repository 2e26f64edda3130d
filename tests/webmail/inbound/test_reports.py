"""What other operators say of our letters: believed from the one who has the letter, kept as plain
mail from any other; what a letter's page says already makes no letter of its own.
"""

import pytest

from accounts.audit.models import AuditEvent
from directory.models import TrustedDomain
from directory.trust.whitelist import refresh_whitelist
from mssante.demo.operators import HOSPITAL, PRACTICE
from tests.factories.letters import MARTIN, PETIT
from tests.factories.people import make_mailbox
from tests.factories.spooled import make_delivery, process, spool
from webmail.inbound.pipeline import process_due
from webmail.models import DeliveryState, Message, MessageState, SpoolState
from webmail.store.sealed import envelope_id

pytestmark = pytest.mark.django_db(databases="__all__")

OUR_ID = "notre-lettre@ch.example"


def dsn(action, *, recipient=PETIT, original=OUR_ID, status="5.1.1", final=None, envid=""):
    named = f"Original-Envelope-Id: {envid}\n" if envid else ""
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

{named}Reporting-MTA: dns; mss.cabinet-tilleuls.example

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
    """A report comes in by the whole of the pipeline; how many letters lie in the box then."""

    def bring(raw, *, operator=PRACTICE, sender=""):
        peer_dn = dn_of(operator) if operator else ""
        inbound = spool(martin_box, raw=raw, envelope_from=sender, peer_dn=peer_dn)
        process(inbound.pk)
        inbound.refresh_from_db()
        assert inbound.state == SpoolState.DONE, inbound.problem
        assert inbound.recipients.get().deposited_at is not None
        return Message.objects.filter(state=MessageState.RECEIVED).count()

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
    assert report(raw, operator=operator) == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == (DeliveryState.ACCEPTED, "")


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
    assert report(raw) == 1
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
    # What contradicts the first word is for a person to read.
    assert Message.objects.filter(state=MessageState.RECEIVED).count() == 2


def test_report_names_each_of_its_recipients(martin_box, dn_of, report, delivery):
    raw = dsn("delivered").replace(
        b"--b\r\nContent-Type: text/rfc822-headers",
        b"Final-Recipient: rfc822; inconnu@cabinet-tilleuls.mssante.example\r\n"
        b"Action: failed\r\n\r\n--b\r\nContent-Type: text/rfc822-headers",
    )
    assert report(raw) == 1
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DELIVERED


def test_reader_s_report_does_not_reach_a_copy_that_was_received(martin_box, dn_of, report):
    spool(martin_box)
    report(dsn("failed", original="lettre-1@cabinet-tilleuls.mssante.example"))
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("raw", "left"),
    [
        (dsn("delivered", status="2.0.0"), 0),
        (dsn("relayed", status="2.0.0"), 0),
        (dsn("delayed", status="4.4.1"), 0),
        (mdn("manual-action/MDN-sent-manually; displayed"), 0),
        (dsn("failed"), 1),
        (dsn("expanded", status="2.0.0"), 1),
        (mdn("manual-action/MDN-sent-manually; deleted"), 1),
        (mdn("automatic-action/MDN-sent-automatically; processed"), 1),
        (mdn("automatic-action/MDN-sent-automatically; processed/error"), 1),
    ],
)
def test_what_the_letter_s_page_says_makes_no_letter(report, delivery, martin_box, raw, left):
    assert report(raw) == left
    absorbed = AuditEvent.objects.filter(event="delivery:report:absorbed")
    assert absorbed.count() == 1 - left
    deposited = AuditEvent.objects.filter(event="mailbox:message:deposited")
    assert deposited.count() == left
    martin_box.refresh_from_db()
    assert martin_box.unread == left


def test_absorbed_report_leaves_its_trace(report, delivery):
    report(dsn("delivered"))
    event = AuditEvent.objects.get(event="delivery:report:absorbed")
    assert event.message_id == delivery.message_id
    assert event.detail["delivery"] == delivery.pk
    assert event.detail["report"] == "delivered"


def test_report_of_which_we_do_not_understand_a_part_is_kept_as_a_letter(report, delivery):
    raw = dsn("delivered").replace(
        b"--b\r\nContent-Type: text/rfc822-headers",
        b"Final-Recipient: rfc822; autre\r\nAction: exploded\r\n\r\n"
        b"--b\r\nContent-Type: text/rfc822-headers",
    )
    assert report(raw) == 1
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DELIVERED


def test_report_brought_twice_changes_the_state_once(report, delivery):
    assert report(dsn("delivered")) == 0
    delivery.refresh_from_db()
    at = delivery.delivered_at
    assert report(dsn("delivered")) == 0
    delivery.refresh_from_db()
    assert (delivery.state, delivery.delivered_at) == (DeliveryState.DELIVERED, at)
    assert AuditEvent.objects.filter(event="delivery:state:delivered").count() == 1
    assert AuditEvent.objects.filter(event="delivery:report:kept").count() == 1


def test_late_good_news_on_a_failed_letter_is_for_a_person_to_read(report, delivery):
    assert report(dsn("failed")) == 1
    assert report(dsn("delivered")) == 2
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.FAILED


def test_delay_changes_what_is_shown_and_not_the_state(report, delivery, martin_box):
    martin_box.refresh_from_db()
    modseq = martin_box.modseq
    assert report(dsn("delayed", status="4.2.2")) == 0
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.ACCEPTED
    assert (delivery.reason, delivery.enhanced_code) == ("reported_delayed", "4.2.2")
    event = AuditEvent.objects.get(event="delivery:report:delayed")
    assert event.detail["delivery"] == delivery.pk
    martin_box.refresh_from_db()
    assert martin_box.modseq > modseq
    # Once it lies there, nothing is late any more.
    report(dsn("delivered"))
    assert report(dsn("delayed", status="4.2.2")) == 0
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == (DeliveryState.DELIVERED, "reported")


def test_letter_is_found_by_the_name_on_its_envelope(report, delivery):
    name = envelope_id(delivery.message)
    assert report(dsn("delivered", original="", envid=name)) == 0
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DELIVERED


@pytest.mark.parametrize(
    "forge",
    [
        lambda letter: f"{letter.pk}.{'0' * 32}",
        lambda letter: f"{letter.pk}.",
        lambda letter: f"{letter.pk}",
        lambda letter: f"{letter.pk + 1}.{envelope_id(letter).partition('.')[2]}",
        lambda letter: envelope_id(letter)[:-1],
        lambda letter: "9" * 30 + ".0",
        lambda letter: "\u00b2.0",
        lambda letter: "QQ314159",
    ],
)
def test_made_up_name_finds_nothing(report, delivery, forge):
    assert report(dsn("delivered", original="", envid=forge(delivery.message))) == 1
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.ACCEPTED


def test_name_on_the_envelope_of_a_received_letter_is_no_name(report, delivery, martin_box):
    spool(martin_box)
    process_due()
    received = Message.objects.get(state=MessageState.RECEIVED)
    assert report(dsn("delivered", original="", envid=envelope_id(received))) == 2


def test_recipient_is_found_by_either_of_its_addresses(report, delivery):
    moved = "h.petit@nouveau.cabinet-tilleuls.mssante.example"
    assert report(dsn("delivered", recipient=moved, final=PETIT)) == 0
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DELIVERED


def test_report_that_comes_to_another_box_is_plain_mail(dn_of, delivery):
    other = make_mailbox("cardiologie", "Cardiologie", kind="ORG")
    inbound = spool(other, raw=dsn("delivered"), envelope_from="", peer_dn=dn_of(PRACTICE))
    process(inbound.pk)
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.ACCEPTED
    assert Message.objects.filter(mailbox=other, state=MessageState.RECEIVED).count() == 1


def test_report_to_two_boxes_is_absorbed_in_the_one_it_concerns(dn_of, delivery, martin_box):
    other = make_mailbox("cardiologie", "Cardiologie", kind="ORG")
    peer_dn = dn_of(PRACTICE)
    inbound = spool(martin_box, other, raw=dsn("delivered"), envelope_from="", peer_dn=peer_dn)
    process(inbound.pk)
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DELIVERED
    assert [one.mailbox for one in Message.objects.filter(state="received")] == [other]
    assert not inbound.recipients.filter(deposited_at__isnull=True).exists()
