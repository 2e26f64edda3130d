"""Both roads with Debian's Postfix at the other end: a mail server nobody here wrote, which checks
mutual TLS itself.
"""

import contextlib
import smtplib
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from mssante.demo.operators import HOSPITAL, PRACTICE
from tests.factories.letters import MARTIN, PETIT
from tests.peers.postfix import running_postfix
from tests.pki import builder
from tests.pki.handshake import write_identity
from webmail.inbound.tasks import drain_spool
from webmail.mailbox.reading import content_of, read_message, source_of, subject_of
from webmail.models import DeliveryState, InboundMessage, Message, MessageState
from webmail.outbound.drafts import DraftText, UploadedPart, attach_files, create_draft
from webmail.outbound.submit import submit_draft
from webmail.outbound.tasks import drain_peer

pytestmark = [pytest.mark.peer, pytest.mark.django_db(transaction=True, databases="__all__")]

PDF = b"%PDF-1.4\n" + bytes(range(256)) * 40 + b"\r\n.\r\n%%EOF"
NOBODY = f"personne@{HOSPITAL.domain}"


@pytest.fixture
def start_postfix(trust_space, settings):
    """Start the practice's Postfix, with a route to it; it reaches us at the port ``to``."""
    with contextlib.ExitStack() as stack:

        def start(*, to=None, **changes):
            folder = trust_space.root / "operators" / PRACTICE.key
            values = {
                "domain": PRACTICE.domain,
                "host": PRACTICE.host,
                "users": ["hugo.petit"],
                "certificate": folder / "cert.pem",
                "key": folder / "key.pem",
                "anchors": trust_space.anchors / "organisations",
            }
            if to is not None:
                values["settings"] = {
                    "transport_maps": f"inline:{{{HOSPITAL.domain}=smtp:[127.0.0.1]:{to}}}",
                    "smtp_tls_secure_cert_match": HOSPITAL.host,
                }
            postfix = stack.enter_context(running_postfix(**{**values, **changes}))
            settings.MAIL_ROUTES = {PRACTICE.domain: ("127.0.0.1", postfix.port)}
            return postfix

        yield start


def letter_in_eight_bits(to):
    """Text sent as it is, without any encoding of the transport, and a PDF."""
    letter = EmailMessage(policy=policy.SMTP)
    letter["From"] = f"Hugo Petit <{PETIT}>"
    letter["To"] = to
    letter["Subject"] = "Évolution après le séjour"
    letter["Message-ID"] = f"<huit-bits@{PRACTICE.domain}>"
    letter.set_content("Chère consœur,\nl’été fut clément.\n", cte="8bit")
    letter.add_attachment(PDF, maintype="application", subtype="pdf", filename="séjour.pdf")
    return letter.as_bytes()


def hand_to(postfix, to):
    """Give Postfix a letter of its own user; returns its bytes."""
    letter = letter_in_eight_bits(to)
    with smtplib.SMTP("127.0.0.1", postfix.inject, timeout=10) as client:
        client.sendmail(PETIT, [to], letter, mail_options=["BODY=8BITMIME"])
    return letter


def process_all():
    drain_spool()


def send(mailbox, actor, to=PETIT):
    text = DraftText(to=to, subject="Réponse à votre avis", body="Cher confrère,\n.\nMerci.\n")
    draft = create_draft(mailbox, actor, text)
    attach_files(draft, [UploadedPart("compte rendu.pdf", "application/pdf", PDF)])
    letter = submit_draft(draft, actor)
    drain_peer(PRACTICE.domain)
    return letter


def test_letter_from_postfix_lies_in_the_box_byte_for_byte(martin_box, listener, start_postfix):
    postfix = start_postfix(to=listener)
    sent = hand_to(postfix, MARTIN)
    postfix.wait_for_log(f"to=<{MARTIN}>", "status=sent", "250 2.0.0")
    # Postfix found our name and its own anchors in our certificate, and says so.
    postfix.wait_for_log("Verified TLS connection established to 127.0.0.1")
    process_all()
    message = Message.objects.get()
    assert message.mailbox == martin_box
    assert subject_of(message) == "Évolution après le séjour"
    assert read_message(message).text.startswith("Chère consœur,\nl’été fut clément.")
    assert content_of(message.attachments.get()) == PDF
    assert source_of(message).endswith(sent.partition(b"\r\n\r\n")[2])


def test_refusal_makes_postfix_bounce_to_its_own_user(martin_box, listener, start_postfix):
    postfix = start_postfix(to=listener)
    hand_to(postfix, NOBODY)
    postfix.wait_for_log(f"to=<{NOBODY}>", "dsn=5.1.1", "status=bounced")
    bounce = message_from_bytes(postfix.wait_for_letter("hugo.petit"), policy=policy.default)
    assert bounce.get_content_type() == "multipart/report"
    assert b"Status: 5.1.1" in bounce.as_bytes()
    assert not InboundMessage.objects.exists()


def test_postfix_gives_nothing_to_an_operator_of_another_tree(
    martin_box, listener, start_postfix, foreign_space
):
    postfix = start_postfix(to=listener, anchors=foreign_space.anchors / "organisations")
    hand_to(postfix, MARTIN)
    postfix.wait_for_log(f"to=<{MARTIN}>", "status=deferred", "certificate")
    assert not InboundMessage.objects.exists()


def test_listener_refuses_a_postfix_whose_name_is_not_listed(
    martin_box, listener, start_postfix, trust_space, tmp_path
):
    stranger = write_identity(tmp_path, builder.peer(trust_space), trust_space.authority())
    postfix = start_postfix(to=listener, **stranger)
    hand_to(postfix, MARTIN)
    postfix.wait_for_log(f"to=<{MARTIN}>", "relay=127.0.0.1", "dsn=5.7.")
    assert not InboundMessage.objects.exists()


def test_letter_to_postfix_arrives_byte_for_byte(martin_box, dr_martin, start_postfix):
    postfix = start_postfix()
    letter = send(martin_box, dr_martin)
    received = postfix.wait_for_letter("hugo.petit")
    assert received.endswith(source_of(letter).replace(b"\r\n", b"\n"))
    parsed = message_from_bytes(received, policy=policy.default)
    (part,) = parsed.iter_attachments()
    assert part.get_content() == PDF
    delivery = letter.deliveries.get()
    assert (delivery.state, delivery.smtp_code) == (DeliveryState.ACCEPTED, 250)
    assert "queued as" in delivery.diagnostic
    # Postfix asked for our certificate and followed it to its anchors.
    postfix.wait_for_log("Trusted TLS connection established from")
    assert f'Client CN "{HOSPITAL.host}"' in received.decode("latin-1")


def test_refusal_by_postfix_fails_and_tells_the_sender(martin_box, dr_martin, start_postfix):
    start_postfix()
    letter = send(martin_box, dr_martin, to=f"inconnue@{PRACTICE.domain}")
    delivery = letter.deliveries.get()
    assert (delivery.state, delivery.smtp_code, delivery.enhanced_code) == (
        DeliveryState.FAILED,
        550,
        "5.1.1",
    )
    process_all()
    bounce = Message.objects.exclude(state=MessageState.SENT).get()
    assert bounce.mailbox == martin_box
    assert f"inconnue@{PRACTICE.domain}" in read_message(bounce).text


def test_postfix_with_a_certificate_that_is_not_listed_is_told_nothing(
    martin_box, dr_martin, start_postfix, trust_space, tmp_path
):
    stranger = write_identity(tmp_path, builder.peer(trust_space), trust_space.authority())
    postfix = start_postfix(**stranger)
    letter = send(martin_box, dr_martin)
    delivery = letter.deliveries.get()
    assert (delivery.state, delivery.reason) == (DeliveryState.DEFERRED, "untrusted_peer")
    line = postfix.wait_for_log("disconnect from", "starttls=1")
    assert "mail=" not in line
    assert "rcpt=" not in line
    assert not postfix.letters("hugo.petit")


def test_postfix_of_another_tree_does_not_take_our_certificate(
    martin_box, dr_martin, start_postfix, foreign_space
):
    postfix = start_postfix(anchors=foreign_space.anchors / "organisations")
    letter = send(martin_box, dr_martin)
    assert letter.deliveries.get().state == DeliveryState.DEFERRED
    assert not postfix.letters("hugo.petit")
