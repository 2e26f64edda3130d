"""Two windows on one draft, files that come with autosave, the trash: nothing typed is ever lost,
and what the page says is true.
"""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.factories.letters import PETIT, receive
from tests.factories.people import make_mailbox
from tests.factories.visitors import browser_of
from webmail.mailbox.reading import file_name
from webmail.models import MailboxKind, Message, MessageState
from webmail.outbound.draft_places import move_draft
from webmail.outbound.drafts import draft_text

pytestmark = pytest.mark.django_db(databases="__all__")

COMPOSE, SAVE = "/messages/ecrire/", "/messages/ecrire/enregistrer/"
HIDDEN = ("draft", "version", "key")
KEEP = r'name="keep" value="(\d+)"'


def page_of(response):
    return response.content.decode()


def found(pattern, response):
    match = re.search(pattern, page_of(response))
    assert match, pattern
    return match[1]


def hidden(response):
    """The page's hidden fields, as a browser would send them back."""
    return {
        name: found(rf'<input type="hidden" name="{name}" value="([^"]*)"', response)
        for name in HIDDEN
    }


def pdf(name="ECG.pdf", content=b"%PDF-1.4 contenu"):
    return SimpleUploadedFile(name, content, content_type="application/pdf")


def begin(browser, body="début", **fields):
    """A new letter, saved once; gives the page it leads to."""
    page = hidden(browser.get(COMPOSE))
    saved = browser.post(COMPOSE, {"action": "save", "to": PETIT, "body": body, **page, **fields})
    return browser.get(saved.url)


def autosave(browser, page, body, **fields):
    """What the page's element posts; the page then knows what the answer says."""
    answer = browser.post(SAVE, {"to": PETIT, "body": body, **page, **fields})
    heard = answer.json()
    if answer.status_code != 409:
        page |= {"draft": heard["draft"], "version": heard["version"]}
    return answer


def kept_body():
    return draft_text(Message.objects.get()).body


def names_of(draft):
    return [file_name(part) for part in draft.attachments.select_related("message__mailbox")]


# Files come with autosave


def test_autosave_keeps_the_files_and_shows_them_as_the_page_does(martin, martin_box):
    page = hidden(martin.get(COMPOSE))
    answer = autosave(martin, page, "a", attachments=[pdf(), pdf("été.pdf")]).json()
    draft = Message.objects.get()
    assert names_of(draft) == ["ECG.pdf", "été.pdf"]
    assert [file["name"] for file in answer["files"]] == ["ECG.pdf", "été.pdf"]
    first = draft.attachments.order_by("position").values_list("pk", flat=True)[0]
    assert answer["files"][0]["remove_value"] == str(first)
    assert set(answer["files"][0]) == {"name", "size", "kind", "remove_value"}
    assert answer["files_html"].strip() in page_of(martin.get(f"{COMPOSE}?brouillon={draft.pk}"))
    assert answer["version"] == str(draft.version)


def test_autosave_with_files_whose_answer_was_lost_adds_nothing_twice(martin, martin_box):
    page = hidden(martin.get(COMPOSE))
    autosave(martin, dict(page), "a", attachments=[pdf()])
    answer = autosave(martin, page, "ab", attachments=[pdf()])
    assert answer.status_code == 200
    assert names_of(Message.objects.get()) == ["ECG.pdf"]
    assert kept_body() == "ab"


def test_autosave_says_why_files_are_refused_and_keeps_the_text(martin, martin_box, settings):
    settings.MESSAGE_SIZE_LIMIT_OUT = 10_000
    page = hidden(martin.get(COMPOSE))
    answer = autosave(martin, page, "mots", attachments=[pdf(content=b"x" * 10_000)])
    assert answer.status_code == 422
    assert "trop lourds" in answer.json()["error"]
    assert answer.json()["saved"].startswith("Enregistré à")
    assert kept_body() == "mots"
    assert autosave(martin, page, "mots suivants").status_code == 200


def test_autosave_past_the_limit_of_a_request_keeps_the_text(martin, martin_box, settings):
    settings.UPLOAD_LIMIT_BYTES = 1000
    answer = autosave(
        martin, hidden(martin.get(COMPOSE)), "mots", attachments=[pdf("a", b"x" * 2000)]
    )
    assert answer.status_code == 422
    assert kept_body() == "mots"


# Two windows


def test_later_window_overwrites_nothing_and_is_told(martin, martin_box):
    first = hidden(begin(martin))
    second = dict(first) | {"key": "autre"}
    assert autosave(martin, second, "texte de la seconde").status_code == 200
    answer = autosave(martin, first, "texte de la première")
    assert answer.status_code == 409
    assert answer.json()["error"] == "Ce message a été modifié dans une autre fenêtre."
    assert "texte de la seconde" in answer.json()["conflict_html"]
    assert kept_body() == "texte de la seconde"


@pytest.mark.parametrize("action", ["send", "save", "discard"])
def test_page_in_conflict_shows_both_texts_and_a_choice(martin, martin_box, action):
    first = hidden(begin(martin))
    autosave(martin, first | {"key": "autre"}, "texte de la seconde")
    fields = {"to": PETIT, "body": "texte de la première", "attachments": [pdf()]}
    response = martin.post(COMPOSE, {**first, **fields, "action": action})
    page = page_of(response)
    assert response.status_code == 409
    for words in ("modifié dans une autre fenêtre", "texte de la première", "texte de la seconde"):
        assert words in page
    assert "Garder ce texte" in page
    assert kept_body() == "texte de la seconde"
    assert names_of(Message.objects.get()) == ["ECG.pdf"]

    # Whatever else is posted from there asks again; the choice writes over.
    again = hidden(response)
    assert autosave(martin, dict(again), "encore").status_code == 409
    keep = found(KEEP, response)
    chosen = martin.post(COMPOSE, {**again, **fields, "keep": keep})
    assert chosen.status_code == 302
    assert kept_body() == "texte de la première"


def test_choice_made_on_an_outdated_text_is_asked_again(martin, martin_box):
    first = hidden(begin(martin))
    second = first | {"key": "autre"}
    autosave(martin, second, "b")
    response = martin.post(COMPOSE, {**first, "body": "a", "action": "save"})
    keep = found(KEEP, response)
    autosave(martin, second, "c")
    response = martin.post(COMPOSE, {**hidden(response), "body": "a", "keep": keep})
    assert response.status_code == 409
    assert kept_body() == "c"


def test_page_whose_answer_was_lost_is_not_in_conflict_with_itself(martin, martin_box):
    page = hidden(begin(martin))
    autosave(martin, dict(page), "ab")
    assert autosave(martin, page, "abc").status_code == 200
    assert kept_body() == "abc"


def test_letter_is_not_sent_with_a_file_the_page_does_not_show(martin, martin_box):
    page = hidden(begin(martin))
    autosave(martin, page, "a")
    autosave(martin, page | {"key": "autre"}, "a", attachments=[pdf()])
    response = martin.post(COMPOSE, {**page, "to": PETIT, "body": "a"})
    assert response.status_code == 409
    assert Message.objects.get().state == MessageState.DRAFT


def test_post_without_a_version_writes_over_any(martin, martin_box):
    page = hidden(begin(martin))
    autosave(martin, page, "b")
    assert martin.post(SAVE, {"draft": page["draft"], "body": "c"}).status_code == 200
    assert kept_body() == "c"


@pytest.mark.parametrize("version", ["", "-1", "abc", "9" * 40, "2.5"])
def test_version_nobody_gave_is_a_conflict_not_a_fault(martin, martin_box, version):
    page = hidden(begin(martin)) | {"version": version, "key": "autre"}
    assert martin.post(SAVE, {**page, "body": "x"}).status_code == 409
    assert kept_body() == "début"


def test_text_typed_after_another_window_sent_is_a_new_draft(martin, martin_box):
    page = hidden(begin(martin))
    martin.post(COMPOSE, {**page, "key": "autre", "to": PETIT, "body": "envoyé"})
    response = martin.post(COMPOSE, {**page, "to": PETIT, "body": "d’autres mots"})
    assert response.status_code == 409
    assert "Ce message a été envoyé dans une autre fenêtre." in page_of(response)
    draft = Message.objects.get(state=MessageState.DRAFT)
    assert draft_text(draft).body == "d’autres mots"
    assert Message.objects.filter(state=MessageState.SENT).count() == 1
    # The page goes on with that draft.
    assert autosave(martin, hidden(response), "et d’autres").status_code == 200


def test_second_click_on_send_leads_to_the_letter(martin, martin_box):
    page = hidden(begin(martin))
    answers = [martin.post(COMPOSE, {**page, "to": PETIT, "body": "a"}) for _ in range(2)]
    assert answers[0].url == answers[1].url
    assert Message.objects.count() == 1


# The sender changes while two posts meet


def test_two_posts_that_both_move_the_draft_meet_without_a_fault(
    martin, dr_martin, martin_box, monkeypatch
):
    team = make_mailbox("cardiologie", "Cardiologie", holder=dr_martin, kind=MailboxKind.ORG)
    page = hidden(begin(martin, mailbox=martin_box.pk, attachments=[pdf()]))
    met: list[Message] = []

    def move(draft, mailbox, actor, **options):
        if not met:
            met.append(draft)
            autosave(browser_of(dr_martin), dict(page), "autosave", mailbox=team.pk)
        return move_draft(draft, mailbox, actor, **options)

    monkeypatch.setattr("webmail.web.keeping.move_draft", move)
    fields = {"to": PETIT, "body": "clic", "mailbox": team.pk, "action": "save"}
    assert martin.post(COMPOSE, {**page, **fields}).status_code == 302
    draft = Message.objects.get()
    assert (draft.mailbox, kept_body(), names_of(draft)) == (team, "clic", ["ECG.pdf"])


def test_two_first_posts_for_two_senders_end_without_a_fault(martin, dr_martin, martin_box):
    """Each made a draft before it could see the other's."""
    team = make_mailbox("cardiologie", "Cardiologie", holder=dr_martin, kind=MailboxKind.ORG)
    page = hidden(martin.get(COMPOSE))
    first = autosave(martin, dict(page), "a", mailbox=martin_box.pk).json()
    other = autosave(martin, page | {"key": ""}, "b", mailbox=team.pk).json()
    Message.objects.filter(pk=other["draft"]).update(compose_key=page["key"])
    known = page | {"draft": first["draft"], "version": first["version"]}
    assert autosave(martin, known, "ab", mailbox=team.pk).status_code == 200
    assert draft_text(Message.objects.get(pk=first["draft"])).body == "ab"


def test_full_box_of_another_sender_keeps_text_and_files_where_they_are(
    martin, dr_martin, martin_box
):
    team = make_mailbox("cardiologie", "Cardiologie", holder=dr_martin, kind=MailboxKind.ORG)
    type(team).objects.filter(pk=team.pk).update(quota_bytes=0)
    page = hidden(begin(martin, mailbox=martin_box.pk, attachments=[pdf()]))
    response = martin.post(COMPOSE, {**page, "to": PETIT, "body": "b", "mailbox": team.pk})
    assert response.status_code == 422
    assert "Cette boîte est pleine" in page_of(response)
    draft = Message.objects.get()
    assert (draft.mailbox, kept_body(), names_of(draft)) == (martin_box, "b", ["ECG.pdf"])


# The trash


def test_discarded_draft_is_taken_back_from_the_notice(martin, martin_box):
    page = hidden(begin(martin, attachments=[pdf()]))
    thrown = martin.post(COMPOSE, {**page, "body": "derniers mots", "action": "discard"})
    listed = martin.get(thrown.url)
    assert "Brouillon jeté." in page_of(listed)
    undo = r'name="draft" value="(\d+)">\s*<button type="submit"[^>]* name="action" value="restore"'
    back = martin.post(COMPOSE, {"draft": found(undo, listed), "action": "restore"})
    shown = page_of(martin.get(back.url))
    for words in ("Brouillon restauré.", "derniers mots", "ECG.pdf"):
        assert words in shown


def test_button_that_discards_wipes_no_text_when_none_is_posted(martin, martin_box):
    page = hidden(begin(martin))
    martin.post(COMPOSE, {"draft": page["draft"], "action": "discard"})
    assert kept_body() == "début"


def test_nothing_typed_leaves_nothing_in_the_trash(martin, martin_box):
    page = hidden(martin.get(COMPOSE))
    assert martin.post(COMPOSE, {**page, "body": "", "action": "discard"}).status_code == 302
    assert not Message.objects.exists()


def test_draft_opened_from_the_trash_is_restored_by_its_next_save(martin, martin_box):
    page = hidden(begin(martin))
    martin.post(COMPOSE, {**page, "body": "début", "action": "discard"})
    assert f"brouillon={page['draft']}" in page_of(martin.get(f"/boites/{martin_box.pk}/trash/"))
    opened = martin.get(f"{COMPOSE}?brouillon={page['draft']}")
    assert "Ce brouillon est dans la corbeille." in page_of(opened)
    assert "Restaurer" in page_of(opened)
    assert autosave(martin, hidden(opened), "suite").status_code == 200
    assert Message.objects.get().folder_role == "drafts"


def test_window_left_open_does_not_take_a_draft_out_of_the_trash(martin, martin_box):
    page = hidden(begin(martin))
    martin.post(COMPOSE, {**page, "body": "début", "action": "discard"})
    answer = autosave(martin, page, "tapé après")
    assert answer.status_code == 409
    assert answer.json()["error"] == "Ce message a été jeté dans une autre fenêtre."
    assert Message.objects.get().folder_role == "trash"
    response = martin.post(COMPOSE, {**page, "body": "tapé après", "action": "send"})
    keep = found(KEEP, response)
    martin.post(COMPOSE, {**hidden(response), "body": "tapé après", "keep": keep})
    assert (Message.objects.get().folder_role, kept_body()) == ("drafts", "tapé après")


def test_draft_in_the_trash_is_deleted_for_good_and_no_other(martin, martin_box):
    page = hidden(begin(martin))
    delete = {"draft": page["draft"], "action": "delete"}
    refused = martin.post(COMPOSE, delete)
    assert "modifié dans une autre fenêtre" in page_of(martin.get(refused.url, follow=True))
    martin.post(COMPOSE, {"draft": page["draft"], "action": "discard"})
    assert martin.post(COMPOSE, delete).url == f"/boites/{martin_box.pk}/trash/"
    assert not Message.objects.exists()
    assert martin.post(COMPOSE, delete).status_code == 404


def test_stranger_neither_restores_nor_deletes(stranger, martin, martin_box):
    page = hidden(begin(martin))
    martin.post(COMPOSE, {"draft": page["draft"], "action": "discard"})
    for action in ("restore", "delete"):
        response = stranger.post(COMPOSE, {"draft": page["draft"], "action": action})
        assert response.status_code == 404
    assert Message.objects.get().folder_role == "trash"


# The page


def test_first_empty_field_has_the_focus(martin, martin_box):
    answer = f"{COMPOSE}?repondre={receive(martin_box).pk}"
    for address, name in ((COMPOSE, "to"), (answer, "body")):
        page = page_of(martin.get(address))
        assert re.findall(r'name="(\w+)"[^>]* autofocus', page) == [name]


def test_text_over_the_limit_of_a_request_is_refused_in_words(martin, martin_box):
    response = martin.post(COMPOSE, {"body": "x" * 5_300_000})
    assert response.status_code == 400
    assert "Ce que vous avez envoyé n’a pas pu être" in page_of(response)
