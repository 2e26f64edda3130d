"""The writing page without a script: nothing is lost, nothing sent twice, refusals in words."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.audit.events import Event
from accounts.audit.models import AuditEvent
from tests.factories.letters import MARTIN, PETIT, make_letter, receive
from tests.factories.people import make_mailbox
from webmail.mailbox.reading import file_name, read_message
from webmail.models import Blob, Delivery, MailboxKind, Message, MessageState, RecipientKind
from webmail.outbound.drafts import DraftText, attach_files, create_draft, draft_text

pytestmark = pytest.mark.django_db(databases="__all__")

COMPOSE, SAVE = "/messages/ecrire/", "/messages/ecrire/enregistrer/"
BODY = "Bonjour,\n\n  merci de votre avis.\n.\nÀ bientôt"


def pdf(name="ECG.pdf", content=b"%PDF-1.4 contenu"):
    return SimpleUploadedFile(name, content, content_type="application/pdf")


def post(browser, **fields):
    data = {"to": PETIT, "subject": "Avis", "body": BODY, **fields}
    return browser.post(COMPOSE, data)


def page_of(response):
    return response.content.decode()


def field(response, name):
    """A hidden field's value, as a browser would send it back."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page_of(response))
    assert found, name
    return found[1]


def the_draft():
    return Message.objects.get(state=MessageState.DRAFT)


# Sending


def test_plain_form_sends_a_letter_with_its_files(martin, dr_martin, martin_box):
    response = post(martin, attachments=[pdf(), pdf("été.pdf")])
    letter = Message.objects.get()
    assert response.status_code == 302
    assert response.url.startswith(f"/conversations/{letter.thread_id}/?dossier=sent")
    assert response.url.endswith(f"#message-{letter.pk}")
    assert letter.state == MessageState.SENT
    assert letter.author == dr_martin
    assert read_message(letter).text == BODY
    assert [file_name(part) for part in letter.attachments.all()] == ["ECG.pdf", "été.pdf"]
    assert letter.deliveries.get().recipient.address == PETIT
    assert AuditEvent.objects.filter(event=Event.MAILBOX_MESSAGE_SENT, actor=dr_martin).count() == 1
    assert martin.get(response.url).status_code == 200


def test_four_fields_suffice(martin, martin_box):
    """What a script posts: to, subject, body, attachments, nothing hidden."""
    page = martin.get(COMPOSE)
    for name in ("to", "subject", "body", "attachments"):
        assert f'name="{name}"' in page_of(page)
    response = martin.post(
        COMPOSE, {"to": PETIT, "subject": "s", "body": "b", "attachments": pdf()}
    )
    assert response.status_code == 302
    assert Message.objects.get().state == MessageState.SENT


def test_bell_rings_once_the_letter_is_written(
    martin, martin_box, monkeypatch, django_capture_on_commit_callbacks
):
    rung: list[str] = []
    monkeypatch.setattr("webmail.outbound.posting.ring_domain", rung.append)
    with django_capture_on_commit_callbacks(execute=True):
        post(martin)
    assert rung == ["cabinet-tilleuls.mssante.example"]


def test_recipient_named_twice_gets_one_copy(martin, martin_box):
    post(martin, to=f"{PETIT}, Hugo <{PETIT.upper()}>", cc=PETIT)
    assert Delivery.objects.count() == 1


def test_copy_is_a_recipient_of_its_own_kind(martin, martin_box):
    post(martin, cc="accueil@cabinet-tilleuls.mssante.example")
    kinds = list(Message.objects.get().recipients.values_list("kind", flat=True))
    assert kinds == [RecipientKind.TO, RecipientKind.CC]


def test_second_click_on_the_same_page_sends_nothing_more(martin, martin_box):
    key = field(martin.get(COMPOSE), "key")
    first, second = post(martin, key=key), post(martin, key=key)
    assert Message.objects.count() == 1
    assert Delivery.objects.count() == 1
    assert second.status_code == 302
    assert second.url == first.url


def test_two_pages_send_two_letters(martin, martin_box):
    for _ in range(2):
        post(martin, key=field(martin.get(COMPOSE), "key"))
    assert Message.objects.filter(state=MessageState.SENT).count() == 2


# Refusals


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        ("ami@hors-espace.example", "est hors de l’espace de confiance"),
        ("n'importe quoi", "n’est pas une adresse"),
        ("", "Indiquez à qui le message s’adresse"),
        ("personne@ch-valbrune.mssante.example", "n’existe pas ici"),
        ("279017812345678@patient.mssante.fr", "est l’adresse d’un patient"),
        (f"{PETIT}, ami@hors-espace.example", "est hors de l’espace de confiance"),
    ],
)
def test_refused_recipient_is_said_in_words_and_nothing_is_lost(martin, martin_box, to, sentence):
    response = post(martin, to=to, attachments=[pdf()])
    page = page_of(response)
    assert response.status_code == 422
    assert sentence in page
    assert "Le message n’est pas parti" in page
    assert "merci de votre avis." in page
    assert "ECG.pdf" in page
    draft = the_draft()
    assert draft_text(draft) == DraftText(to=to, subject="Avis", body=BODY)
    assert field(response, "draft") == str(draft.pk)
    assert Delivery.objects.count() == 0


def test_letter_corrected_after_a_refusal_is_sent_with_its_files(martin, martin_box):
    refused = post(martin, to="ami@hors-espace.example", attachments=[pdf()])
    hidden = {name: field(refused, name) for name in ("draft", "key")}
    assert post(martin, **hidden).status_code == 302
    letter = Message.objects.get()
    assert letter.state == MessageState.SENT
    assert letter.attachments.count() == 1
    assert letter.source in Blob.objects.all()


def test_address_of_the_sender_is_escaped_in_the_refusal(martin, martin_box):
    response = post(martin, to="<script>alert(1)</script>")
    assert "<script>alert" not in page_of(response)


def test_too_many_recipients_is_said(martin, martin_box):
    many = ", ".join(f"p{n}@cabinet-tilleuls.mssante.example" for n in range(51))
    response = post(martin, to=many)
    assert response.status_code == 422
    assert Delivery.objects.count() == 0


def test_files_too_big_for_one_letter_are_refused_and_the_text_is_kept(
    martin, martin_box, settings
):
    settings.MESSAGE_SIZE_LIMIT_OUT = 30_000
    response = post(martin, attachments=[pdf(content=b"x" * 25_000)])
    assert response.status_code == 422
    assert "Ces documents sont trop lourds" in page_of(response)
    assert the_draft().attachment_count == 0
    assert draft_text(the_draft()).body == BODY


def test_text_that_makes_the_letter_too_big_is_said_and_the_files_are_kept(
    martin, martin_box, settings
):
    settings.MESSAGE_SIZE_LIMIT_OUT = 30_000
    response = post(martin, body="x" * 20_000, attachments=[pdf(content=b"x" * 15_000)])
    assert response.status_code == 422
    assert "Le message est trop lourd" in page_of(response)
    assert the_draft().attachment_count == 1


def test_full_box_refuses_files_in_words_and_keeps_the_text(martin, martin_box, caplog):
    type(martin_box).objects.filter(pk=martin_box.pk).update(quota_bytes=10)
    response = post(martin, attachments=[pdf("PLANTED.pdf")])
    assert response.status_code == 422
    assert "Cette boîte est pleine" in page_of(response)
    assert draft_text(the_draft()).body == BODY
    assert "PLANTED" not in caplog.text


def test_upload_too_big_is_said_and_the_text_is_kept(martin, martin_box, settings):
    settings.UPLOAD_LIMIT_BYTES = 10_000
    response = post(martin, attachments=[pdf(content=b"x" * 10_001)])
    assert response.status_code == 422
    assert "Ces documents sont trop lourds" in page_of(response)
    assert "merci de votre avis." in page_of(response)
    draft = the_draft()
    assert draft.attachment_count == 0
    assert draft_text(draft).body == BODY


@pytest.mark.parametrize("field_name", ["to", "subject"])
def test_line_longer_than_the_form_takes_is_kept_and_not_sent(martin, martin_box, field_name):
    response = post(martin, **{field_name: "x" * 10_001})
    assert response.status_code == 422
    assert Delivery.objects.count() == 0
    assert len(getattr(draft_text(the_draft()), field_name)) == 10_001


def test_controls_in_a_subject_cannot_write_a_header(martin, martin_box):
    from webmail.mailbox.reading import source_of

    post(martin, subject="Avis\r\nBcc: vol@hors-espace.example")
    for letter in Message.objects.filter(state=MessageState.SENT):
        assert b"\r\nBcc:" not in source_of(letter)


@pytest.mark.parametrize(
    "fields",
    [
        {"in_reply_to": "9" * 18},
        {"in_reply_to": "-1"},
        {"in_reply_to": "abc"},
        {"key": "k" * 500},
        {"mailbox": "9" * 5000},
        {"mailbox": "abc"},
        {"subject": "\x00nul"},
        {"body": "\ud800".encode("utf-8", "surrogatepass")},
        {"action": "inconnu"},
    ],
)
def test_post_nobody_made_never_fails(martin, martin_box, fields):
    assert post(martin, **fields).status_code in {302, 422}


@pytest.mark.parametrize(
    "fields",
    [{"draft": "abc"}, {"draft": "9" * 30}, {"remove": "abc"}, {"in_reply_to": "9" * 5000}],
)
def test_number_that_is_none_is_404(martin, martin_box, fields):
    assert post(martin, **fields).status_code == 404


# Rights


def test_who_may_only_prepare_is_told_and_the_draft_is_kept(secretary, samia, martin_box):
    response = post(secretary, attachments=[pdf()])
    assert response.status_code == 422
    assert "Vous pouvez préparer des messages dans cette boîte, pas les envoyer" in page_of(
        response
    )
    draft = the_draft()
    assert (draft.author, draft.attachment_count) == (samia, 1)
    assert Delivery.objects.count() == 0


def test_holder_sends_what_the_secretary_prepared(martin, secretary, dr_martin, martin_box):
    prepared = post(secretary, action="save", attachments=[pdf()])
    taken_up = martin.get(prepared.url)
    assert "merci de votre avis." in page_of(taken_up)
    assert post(martin, draft=field(taken_up, "draft")).status_code == 302
    assert Message.objects.get().author == dr_martin


def test_reader_has_no_writing_page(reader, martin_box):
    assert reader.get(COMPOSE).status_code == 404
    assert post(reader).status_code == 404
    assert Message.objects.count() == 0


def test_draft_of_another_box_is_404(stranger, dr_martin, martin_box):
    draft = create_draft(martin_box, dr_martin, DraftText(body="secret"))
    assert stranger.get(f"{COMPOSE}?brouillon={draft.pk}").status_code == 404


def test_post_on_a_draft_of_another_box_changes_nothing_of_it(stranger, dr_martin, martin_box):
    draft = create_draft(martin_box, dr_martin, DraftText(body="secret"), compose_key="clef")
    for action in ("send", "save", "discard"):
        response = post(stranger, draft=draft.pk, key="clef", action=action)
        assert "secret" not in page_of(response)
    draft.refresh_from_db()
    assert draft.state == MessageState.DRAFT
    assert draft_text(draft).body == "secret"
    assert Delivery.objects.count() == 0


def test_file_of_another_draft_cannot_be_removed(stranger, dr_martin, martin_box):
    from webmail.outbound.drafts import UploadedPart

    draft = create_draft(martin_box, dr_martin, DraftText())
    attach_files(draft, [UploadedPart("a.pdf", "application/pdf", b"x")])
    part = draft.attachments.get()
    assert post(stranger, remove=part.pk).status_code == 404
    assert draft.attachments.count() == 1


def test_box_one_may_not_write_from_cannot_be_chosen(stranger, dr_loup, martin_box):
    post(stranger, mailbox=martin_box.pk)
    assert not Message.objects.filter(mailbox=martin_box).exists()


def test_right_that_ended_ends_at_once(martin, dr_martin, martin_box):
    from datetime import timedelta

    from django.utils import timezone

    martin_box.accesses.filter(user=dr_martin).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )
    assert martin.get(COMPOSE).status_code == 404


# Drafts


def test_autosave_answers_the_draft_and_the_hour(martin, dr_martin, martin_box):
    key = field(martin.get(COMPOSE), "key")
    first = martin.post(SAVE, {"to": "hug", "subject": "", "body": BODY, "key": key}).json()
    assert set(first) == {
        *("draft", "version", "saved", "error"),
        *("files", "files_html", "conflict_html"),
    }
    assert first["saved"].startswith("Enregistré à")
    second = martin.post(SAVE, {"to": "hugo", "body": BODY, "key": key, "draft": first["draft"]})
    assert second.json()["draft"] == first["draft"]
    draft = the_draft()
    assert (draft.pk, draft_text(draft).to) == (int(first["draft"]), "hugo")
    assert draft.version == 1


def test_autosave_whose_answer_was_lost_makes_no_second_draft(martin, martin_box):
    key = field(martin.get(COMPOSE), "key")
    for body in ("a", "ab"):
        martin.post(SAVE, {"body": body, "key": key})
    assert draft_text(the_draft()).body == "ab"


def test_autosave_after_sending_is_409_in_words(martin, martin_box):
    key = field(martin.get(COMPOSE), "key")
    post(martin, key=key)
    response = martin.post(SAVE, {"body": "encore", "key": key})
    assert response.status_code == 409
    assert response.json()["error"] == "Ce message a été envoyé dans une autre fenêtre."


def test_autosave_is_a_post(martin, martin_box):
    assert martin.get(SAVE).status_code == 405


def test_saving_leads_to_an_address_of_the_draft(martin, martin_box):
    response = post(martin, action="save")
    assert response.url == f"{COMPOSE}?brouillon={the_draft().pk}"
    page = page_of(martin.get(response.url))
    assert "Brouillon enregistré." in page
    assert PETIT in page


def test_leading_blanks_and_line_ends_come_back_as_typed(martin, martin_box):
    response = post(martin, action="save", body="  a\r\n\r\n b \r\n")
    assert draft_text(the_draft()).body == "  a\n\n b \n"
    assert "  a\n\n b \n</textarea>" in page_of(martin.get(response.url))


def test_file_is_removed_and_the_rest_stays(martin, martin_box):
    post(martin, action="save", attachments=[pdf("un.pdf"), pdf("deux.pdf", b"autre")])
    draft = the_draft()
    first = draft.attachments.first()
    response = post(martin, draft=draft.pk, remove=first.pk, body="plus long")
    assert response.status_code == 200
    page = page_of(response)
    assert "deux.pdf" in page
    assert "un.pdf" not in page
    draft.refresh_from_db()
    assert (draft.attachment_count, draft_text(draft).body) == (1, "plus long")


def test_draft_thrown_away_elsewhere_loses_no_word(martin, martin_box):
    post(martin, action="save")
    draft = the_draft()
    martin.post(COMPOSE, {"draft": draft.pk, "action": "discard"})
    response = post(martin, draft=draft.pk, body="mots de la dernière minute", attachments=[pdf()])
    page = page_of(response)
    assert response.status_code == 409
    assert "Ce message a été jeté dans une autre fenêtre." in page
    assert "mots de la dernière minute" in page
    assert "ECG.pdf" in page
    kept = Message.objects.get(folder__role="drafts")
    assert draft_text(kept).body == "mots de la dernière minute"
    assert field(response, "draft") == str(kept.pk)
    assert Delivery.objects.count() == 0


def test_draft_moves_to_the_box_that_is_chosen(martin, dr_martin, martin_box):
    team = make_mailbox("cardiologie", "Cardiologie", holder=dr_martin, kind=MailboxKind.ORG)
    kept = post(martin, action="save", mailbox=martin_box.pk, attachments=[pdf()])
    old = the_draft()
    assert "<select" in page_of(martin.get(kept.url))
    response = post(martin, action="save", mailbox=team.pk, draft=old.pk)
    moved = the_draft()
    assert moved.mailbox == team
    assert response.url.endswith(f"={moved.pk}")
    assert [file_name(part) for part in moved.attachments.all()] == ["ECG.pdf"]
    assert draft_text(moved).body == BODY
    assert not Blob.objects.filter(mailbox=martin_box).exists()


def test_page_that_missed_the_move_finds_its_draft_by_its_key(martin, dr_martin, martin_box):
    """The answer of the save that moved it was lost: the page still names the old number."""
    team = make_mailbox("cardiologie", "Cardiologie", holder=dr_martin, kind=MailboxKind.ORG)
    key = field(martin.get(COMPOSE), "key")
    first = martin.post(SAVE, {"body": "a", "key": key, "mailbox": martin_box.pk}).json()
    again = {"key": key, "mailbox": team.pk, "draft": first["draft"]}
    martin.post(SAVE, {"body": "ab", **again})
    response = martin.post(SAVE, {"body": "abc", **again})
    assert response.status_code == 200
    assert draft_text(the_draft()).body == "abc"


def test_post_that_names_no_box_leaves_the_draft_in_its_own(martin, dr_martin, martin_box):
    make_mailbox("cardiologie", "Cardiologie", holder=dr_martin, kind=MailboxKind.ORG)
    draft = create_draft(martin_box, dr_martin, DraftText())
    for named in ({}, {"mailbox": "999999"}):
        martin.post(SAVE, {"draft": draft.pk, "body": "a", **named})
    assert the_draft().mailbox == martin_box


# Answers


def answer(browser, message, suffix=""):
    return browser.get(f"{COMPOSE}?repondre={message.pk}{suffix}").context["form"].initial


def test_reply_goes_to_the_author_and_quotes(martin, martin_box):
    letter = receive(martin_box, make_letter(sender=f"Dr Hugo Petit <{PETIT}>"))
    initial = answer(martin, letter)
    assert initial["to"] == f"Dr Hugo Petit <{PETIT}>"
    assert initial["cc"] == ""
    assert initial["subject"] == "Re: Avis cardiologique"
    assert "> Bonjour, merci de votre avis." in initial["body"]
    assert "Dr Hugo Petit a écrit" in initial["body"]


def test_reply_to_a_reply_has_one_prefix(martin, martin_box):
    letter = receive(martin_box, make_letter(subject="RE: Avis"))
    assert answer(martin, letter)["subject"] == "RE: Avis"


def test_reply_to_is_honoured(martin, martin_box):
    letter = receive(martin_box, make_letter(Reply_To="accueil@cabinet-tilleuls.mssante.example"))
    assert answer(martin, letter)["to"] == "accueil@cabinet-tilleuls.mssante.example"


def test_reply_to_all_never_names_ourselves(martin, martin_box):
    letter = receive(
        martin_box,
        make_letter(
            to=f"Camille <{MARTIN.upper()}>, b@cabinet-tilleuls.mssante.example",
            Cc=f"c@cabinet-tilleuls.mssante.example, {MARTIN}",
        ),
    )
    initial = answer(martin, letter, "&tous=1")
    assert initial["to"] == PETIT
    assert initial["cc"] == (
        "b@cabinet-tilleuls.mssante.example, c@cabinet-tilleuls.mssante.example"
    )


def test_reply_to_all_never_names_ourselves_through_reply_to(martin, martin_box):
    """A list that answers to everybody names us among them."""
    letter = receive(martin_box, make_letter(Reply_To=f"{PETIT}, {MARTIN}"))
    assert answer(martin, letter)["to"] == PETIT


def test_answer_to_our_own_letter_goes_to_its_recipients(martin, martin_box):
    post(martin, to=f"{PETIT}, {MARTIN}", cc="c@cabinet-tilleuls.mssante.example")
    initial = answer(martin, Message.objects.get(state=MessageState.SENT), "&tous=1")
    assert initial["to"] == PETIT
    assert initial["cc"] == "c@cabinet-tilleuls.mssante.example"


def test_letter_to_oneself_can_still_be_answered(martin, martin_box):
    """Nobody else is there: the answer is then for ourselves, not for nobody."""
    letter = receive(martin_box, make_letter(sender=MARTIN))
    assert answer(martin, letter)["to"] == MARTIN


@pytest.mark.parametrize(
    "name",
    ["Hugo (accueil)", "Petit, Hugo", "O'Petit", 'Hugo "le petit"', "Dr. Petit", "Élodie <x>"],
)
def test_proposed_recipient_can_be_sent_to_as_it_stands(martin, martin_box, name):
    from email.utils import formataddr

    letter = receive(martin_box, make_letter(sender=formataddr((name, PETIT))))
    response = post(martin, to=answer(martin, letter)["to"])
    assert response.status_code == 302, page_of(response)
    assert Delivery.objects.get().recipient.address == PETIT


def test_answer_joins_the_conversation(martin, martin_box):
    letter = receive(martin_box)
    page = martin.get(f"{COMPOSE}?repondre={letter.pk}")
    post(martin, in_reply_to=field(page, "in_reply_to"), key=field(page, "key"))
    sent = Message.objects.get(state=MessageState.SENT)
    assert sent.thread_id == letter.thread_id
    assert sent.in_reply_to == letter.rfc_message_id
    assert letter.rfc_message_id in sent.references


def test_reply_to_html_quotes_its_text(martin, martin_box):
    letter = receive(
        martin_box, make_letter(text="", html="<p>Un <b>mot</b></p><script>alert(1)</script>")
    )
    body = answer(martin, letter)["body"]
    assert "> Un mot" in body
    assert "alert" not in body


def test_foreign_letter_cannot_be_answered(stranger, martin_box):
    letter = receive(martin_box)
    assert stranger.get(f"{COMPOSE}?repondre={letter.pk}").status_code == 404


def test_answer_to_a_foreign_letter_borrows_nothing_from_it(stranger, martin_box, dr_loup):
    letter = receive(martin_box)
    post(stranger, in_reply_to=letter.pk)
    sent = Message.objects.get(state=MessageState.SENT)
    assert sent.in_reply_to == ""
    assert sent.references == ""
    assert sent.thread_id != letter.thread_id


def test_compose_link_of_a_box_chooses_it(martin, dr_martin, martin_box):
    team = make_mailbox("cardiologie", "Cardiologie", holder=dr_martin, kind=MailboxKind.ORG)
    page = martin.get(f"{COMPOSE}?de={team.pk}&a={PETIT}")
    assert page.context["form"].initial["mailbox"] == team.pk
    # An address never travels in an address: it would stand in logs and histories.
    assert page.context["form"].initial["to"] == ""


def test_addresses_of_the_page_are_those_of_the_urls():
    assert (reverse("compose"), reverse("compose_save")) == (COMPOSE, SAVE)
