"""What a page says of a letter that poses, redirects its answers, or never ends."""

import pytest

from tests.factories.letters import MARTIN, make_letter, receive
from webmail.mime.types import Address
from webmail.web.messages import honest_name, plate_of, show_message

pytestmark = pytest.mark.django_db(databases="__all__")


def shown(mailbox, **letter):
    return show_message(receive(mailbox, make_letter(**letter)), [], is_expanded=True)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Dr Hugo Petit", "Dr Hugo Petit"),
        ("camille.martin@ch-valbrune.mssante.example", ""),
        ("Dr Petit <petit@ailleurs.example>", ""),
        ("hugo@x.example", "hugo@x.example"),
    ],
)
def test_name_that_passes_for_another_address_is_not_shown(name, kept):
    person = Address(name, "hugo@x.example")
    assert honest_name(person) == kept
    assert plate_of(person).name == (kept or "hugo@x.example")


def test_answers_that_go_to_another_domain_are_announced(martin_box):
    notice = shown(martin_box, Reply_To="Dr Petit <hugo.petit@labo-bioval.mssante.example>").notice
    assert "hugo.petit@labo-bioval.mssante.example" in notice
    same = shown(
        martin_box, message_id="2@x.example", Reply_To="b@cabinet-tilleuls.mssante.example"
    )
    assert same.notice == ""


def test_endless_text_is_cut_and_said_to_be(martin_box):
    message = shown(martin_box, text="mot " * 100_000, to=MARTIN)
    assert len(message.text) == 200_000
    assert "Voir l’original" in message.notice
